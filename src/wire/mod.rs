//! The typed messages between operator and agent, and their framing.

mod beat;
mod client;
#[cfg(test)]
mod conversation;
mod frame;
mod greeting;
mod lock;
mod members;
mod message;
mod server;
mod tenure;
mod work;

pub use beat::SILENCE;
pub use client::AgentClient;
pub use greeting::{GREETING, await_greeting};
pub use lock::{AcquireLock, Keeper, LockAnswer, LockRecord, ReleaseLock, RenewLock};
pub use members::{ConfigureNode, DeleteNode, Drain, IsApiReady, NodeKey, Overdue, Touched};
pub use message::{
    Act, Ask, AwaitReady, Claim, Effect, EndJoining, Envelope, HeedEpoch, HoldPorts, JoinSecrets, Leave,
    Look, LookAtApi, Measure, MintJoin, MissingLayer, MissingLayers, Note, ReachPorts, ReceiveLayer, Request,
    SaveState, TakeKubeconfig, TakeState,
};
pub use server::{CallContext, Handler, LayerBytes, serve};
pub use tenure::{Moment, Speaker, TERM, Tenure};
pub use work::{
    CleanWork, CommandsWork, EndpointsWork, FetchAhead, InitWork, JoinWork, LaunchWork, LayOutWork,
    Postcondition, PrepareWork, RegistryWork, ScriptCommand, Work,
};
