//! What an operator can ask of an agent, and what it answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::lock::{AcquireLock, LockAnswer, ReleaseLock, RenewLock};
use super::members::{
    AdmitEtcdMember, AwaitEtcd, ConfigureNode, DeleteNode, Drain, IsApiReady, RemoveEtcdMember, Touched,
};
use super::registry::{LacksBlobs, ListRegistry, PutBlob, PutManifest, TryRegistry};
use super::work::Work;
use crate::model::{ApiFacts, Digest, LayerOrder, MachineFacts, MachineName, Role, ServedRepository};

/// A request with what goes along with every one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// The operator's run.
    pub run: String,
    /// The epoch of the cluster's lock that the run holds; 0 when it only looks. A machine refuses changes under an
    /// older epoch than it has seen.
    pub epoch: u64,
    /// What is asked.
    pub request: Request,
}

/// Something that can be asked, with the type of its answer.
pub trait Ask: Into<Request> {
    /// The answer.
    type Reply: Serialize + DeserializeOwned + Send;
}

/// What a request does to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: whoever may log in may ask.
    Looks,
    /// Something there changes: only the holder of the cluster's lock may ask.
    Changes,
    /// The cluster's lock itself, which has rules of its own.
    Locks,
}

/// Lists the requests once: the enum on the wire, the conversion into it, each one's effect and answer.
macro_rules! requests {
    ($($effect:ident { $($name:ident -> $reply:ty),* $(,)? })*) => {
        /// Every request there is.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Request {
            $($(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)*)*
        }

        impl Request {
            /// Returns what it does to the machine.
            pub fn effect(&self) -> Effect {
                match self {
                    $($(Self::$name(_) => Effect::$effect,)*)*
                }
            }
        }

        $($(
            impl From<$name> for Request {
                fn from(request: $name) -> Self {
                    Self::$name(request)
                }
            }

            impl Ask for $name {
                type Reply = $reply;
            }
        )*)*
    };
}

requests! {
    Looks {
        Look -> MachineFacts,
        LookAtApi -> ApiFacts,
        HoldPorts -> Vec<u16>,
        ReachPorts -> BTreeMap<SocketAddr, String>,
        AwaitReady -> ApiFacts,
        AwaitEtcd -> (),
        TakeKubeconfig -> String,
        TakeState -> Option<String>,
        FindControlPlanes -> Vec<SocketAddr>,
        IsApiReady -> bool,
        TryRegistry -> (),
        ListRegistry -> Vec<ServedRepository>,
        LacksBlobs -> Vec<Digest>,
    }
    Changes {
        HeedEpoch -> (),
        Claim -> (),
        MissingLayers -> Vec<MissingLayer>,
        ReceiveLayer -> (),
        Act -> (),
        MintJoin -> JoinSecrets,
        EndJoining -> (),
        SaveState -> (),
        Leave -> (),
        ConfigureNode -> Touched,
        Drain -> Touched,
        DeleteNode -> Touched,
        RemoveEtcdMember -> Touched,
        AdmitEtcdMember -> (),
        PutBlob -> (),
        PutManifest -> Touched,
    }
    Locks {
        AcquireLock -> LockAnswer,
        RenewLock -> LockAnswer,
        ReleaseLock -> (),
    }
}

/// Asks for all facts of the machine. Changes nothing there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Look {
    /// Ports that the cluster will listen on.
    pub ports: Vec<u16>,
    /// Where the cluster's container runtime listens.
    pub cri_socket: String,
    /// Whether the disk's fsync is to be measured.
    pub measure: Measure,
}

/// How thoroughly to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Only what can be read.
    Nothing,
    /// Also how long an fsync takes, with a few temporary bytes below /var/lib; on a machine that is nobody's yet.
    Fsync,
}

/// Asks what the Kubernetes API on this control plane says. Changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookAtApi {}

/// Listens on ports, until the call is cancelled, so that other machines can try to reach them.
/// The answer is given up; ports that were taken are noted as they are found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldPorts {
    /// TCP ports.
    pub ports: Vec<u16>,
}

/// Tries to connect; answers with those that failed and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReachPorts {
    /// Where to.
    pub targets: Vec<SocketAddr>,
}

/// Changes nothing but the newest epoch that the machine has seen: those before it are refused from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeedEpoch {}

/// Takes possession: installs the agent and writes the marker, before anything else is changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claim {
    /// The cluster's name.
    pub cluster: String,
    /// The launch's id, common to the machines that were claimed together.
    pub launch: String,
    /// The cluster's CA, when it has one.
    pub authority: Option<Digest>,
    /// What the machine is to be.
    pub role: Role,
    /// The operator's name for it.
    pub name: MachineName,
    /// What it is to be called in Kubernetes.
    pub node_name: String,
}

/// Asks which of these layers the machine has not got, and makes their store ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MissingLayers {
    /// The layers.
    pub layers: Vec<LayerOrder>,
}

/// A layer that a machine has not got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingLayer {
    /// Its diffID.
    pub diff_id: Digest,
    /// How many of its bytes are there from an attempt that was cut off.
    pub partial: u64,
}

/// Sends a layer along; it is unpacked while it arrives and put in place once its digests are right.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiveLayer {
    /// The layer.
    pub layer: LayerOrder,
    /// How many of its bytes are there already and are not sent.
    pub from: u64,
}

/// Does a piece of work as a transient unit that outlives the connection, or attaches to it if it runs already.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Act {
    /// The cluster the machine must belong to.
    pub cluster: String,
    /// What to do.
    pub work: Work,
}

/// Makes a bootstrap token, and uploads the certificates for a control plane when a key is given.
#[derive(Clone, Serialize, Deserialize)]
pub struct MintJoin {
    /// 64 hexadecimal digits; encrypts the certificates in the Secret.
    pub certificate_key: Option<String>,
}

impl std::fmt::Debug for MintJoin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MintJoin(***)")
    }
}

/// Removes what machines needed to join: tokens and the uploaded certificates.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct EndJoining {}

/// What a machine needs to join.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinSecrets {
    /// The bootstrap token.
    pub token: String,
    /// `sha256:` and the hash of the CA's public key.
    pub authority: String,
}

impl std::fmt::Debug for JoinSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinSecrets(***)")
    }
}

/// Waits until the Nodes with these machine-ids and the system's pods are Ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AwaitReady {
    /// machine-ids of the Nodes.
    pub machine_ids: Vec<String>,
    /// Seconds until it is given up.
    pub seconds: u64,
}

/// Asks for the administrator's kubeconfig.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeKubeconfig {}

/// Keeps the cluster's definition in the cluster, as a Secret in kube-system.
#[derive(Clone, Serialize, Deserialize)]
pub struct SaveState {
    /// The document, JSON.
    pub state: String,
}

impl std::fmt::Debug for SaveState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SaveState(***)")
    }
}

/// Asks for the definition kept in the cluster; a machine that is no control plane of one has none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeState {}

/// Asks where a machine of a cluster finds its API servers, as care knows them. Changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FindControlPlanes {}

/// Removes the marker, the data and the agent itself: the last thing asked of a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Leave {
    /// The cluster the machine must belong to.
    pub cluster: String,
}

/// Something an agent tells before its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// A line that the work printed.
    Line(String),
    /// A path that was made, for people who want to look.
    Path(PathBuf),
}
