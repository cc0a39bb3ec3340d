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
mod registry;
mod server;
mod tenure;
mod work;

pub use beat::SILENCE;
pub use client::AgentClient;
pub use greeting::{GREETING, await_greeting};
pub use lock::{AcquireLock, Keeper, LockAnswer, LockRecord, ReleaseLock, RenewLock};
pub use members::{
    AdmitEtcdMember, AwaitEtcd, ConfigureNode, DeleteNode, Drain, IsApiReady, NodeKey, Overdue,
    RemoveEtcdMember, Snapshot, Touched,
};
pub use message::{
    Act, Ask, AwaitReady, Claim, Effect, EndJoining, Envelope, FindControlPlanes, HeedEpoch, HoldPorts,
    JoinSecrets, Leave, Look, LookAtApi, Measure, MintJoin, MissingLayer, MissingLayers, Note, ReachPorts,
    ReceiveLayer, Request, SaveState, TakeKubeconfig, TakeState,
};
pub use registry::{LacksBlobs, ListRegistry, PutBlob, PutManifest, TryRegistry};
pub use server::{CallContext, Handler, LayerBytes, serve};
pub use tenure::{Moment, Speaker, TERM, Tenure};
pub use work::{
    ApplicationFiles, ApplicationTree, CleanWork, ComeBackWork, CommandsWork, ControlPlaneWork,
    EndpointsWork, FetchAhead, FillRegistryWork, HookWork, InitWork, JoinWork, KubeletConfigurationWork,
    KubeletWork, LaunchWork, LayOutWork, Postcondition, PrepareWork, ProxyWork, PullingWork, PutBackWork,
    RegistryUsersWork, RegistryWork, Runtime, ScriptCommand, UninstallWork, UploadConfigurationWork, Work,
};
