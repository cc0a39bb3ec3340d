//! The typed messages between operator and agent, and their framing.

mod client;
#[cfg(test)]
mod conversation;
mod frame;
mod greeting;
mod message;
mod server;
mod work;

pub use client::AgentClient;
pub use greeting::{GREETING, await_greeting};
pub use message::{
    Act, Ask, AwaitReady, Claim, EndJoining, Envelope, HoldPorts, JoinSecrets, Leave, Look, LookAtApi,
    Measure, MintJoin, MissingLayer, MissingLayers, Note, ReachPorts, ReceiveLayer, Request, SaveState,
    TakeKubeconfig, TakeState,
};
pub use server::{CallContext, Handler, LayerBytes, serve};
pub use work::{
    CleanWork, EndpointsWork, InitWork, JoinWork, LaunchWork, LayOutWork, Postcondition, PrepareWork,
    RegistryWork, ScriptCommand, Work,
};
