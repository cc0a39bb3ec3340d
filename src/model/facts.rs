//! What a machine and the Kubernetes API show of themselves: observed state, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Arch, Configuration, Digest, Holder, MachineName, Part, Role, Taint, TaintKey};
use crate::error::Problem;

/// The version of control groups that a machine runs its units in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ControlGroups {
    /// The unified hierarchy.
    V2,
    /// The old hierarchies, also where a unified one is mounted beside them.
    V1,
}

/// A network interface with its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Its addresses with their prefixes.
    pub addresses: Vec<IpNet>,
}

/// What a file system has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Bytes free to root.
    pub bytes: u64,
    /// Inodes free; `None` where the file system makes them as needed.
    pub inodes: Option<u64>,
}

/// A systemd unit's state as systemd names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// `active`, `inactive`, `failed`...
    pub active: String,
    /// Whether it starts at boot.
    pub enabled: bool,
}

impl UnitState {
    /// Tells whether it runs now.
    pub fn is_active(&self) -> bool {
        self.active == "active"
    }
}

/// Whose machine it is: `/var/lib/sealift/machine.json`, written before the first change.
///
/// It grants ownership and says what is ours to delete. It never proves that something is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The cluster's name.
    pub cluster: String,
    /// The run that claimed the machine before its cluster had a CA; machines of one launch share it.
    pub launch: String,
    /// The cluster's identity: the SHA-256 of its CA's public key. None until `kubeadm init` made one.
    #[serde(default)]
    pub authority: Option<Digest>,
    /// `/etc/machine-id` when the machine was claimed.
    pub machine_id: String,
    /// The name of its Node.
    pub node_name: String,
    /// What it is in the cluster.
    pub role: Role,
    /// What is being done with it.
    pub intent: Intent,
    /// How it came into the cluster; markers of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrance: Option<Entrance>,
    /// The address it is called by.
    pub name: MachineName,
    /// The newest holder of the cluster's lock that it was given a message by; older ones are refused.
    #[serde(default)]
    pub epoch: u64,
    /// How the machine was before: what is not in here and ours by name is removed when it leaves.
    pub before: Baseline,
}

/// How a machine came into its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entrance {
    /// The cluster was made on it.
    Made,
    /// It joined.
    Joined,
}

/// What is being done with a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// It becomes or is a part of the cluster.
    Member,
    /// It is being cleaned.
    Leaving,
}

/// A machine before its first change, as far as a cluster changes what is not a file of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Names of network interfaces.
    pub interfaces: BTreeSet<String>,
    /// nftables tables as `family name`.
    pub nft_tables: BTreeSet<String>,
    /// Paths that Kubernetes or its images make, and that were there already.
    pub paths: BTreeSet<String>,
    /// The paths that were looked for; none in what was written before this was kept.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub looked_for: BTreeSet<String>,
}

impl Baseline {
    /// Whether a path was looked for and was not there, so that what is there now is the cluster's.
    pub fn lacked(&self, path: &str) -> bool {
        let was_looked_for = if self.looked_for.is_empty() {
            !LOOKED_FOR_LATER.contains(&path)
        } else {
            self.looked_for.contains(path)
        };
        was_looked_for && !self.paths.contains(path)
    }
}

/// Paths that were not looked for yet when it was not kept which ones were.
const LOOKED_FOR_LATER: [&str; 1] = ["/var/log/kubernetes"];

/// Proof that opaque work was done and that its postconditions held then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The digest of script, environment and image.
    pub digest: Digest,
    /// When it was written, RFC 3339 by the machine's clock; older receipts do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
}

impl Receipt {
    /// Returns a receipt that does not say when it was written.
    pub fn of(digest: Digest) -> Self {
        Self { digest, written: None }
    }
}

/// What the cluster keeps of an application that was launched on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    /// The digest of image, commands and variables.
    pub digest: Digest,
    /// The image's manifest. Older entries do not say it, nor what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// When, RFC 3339 by the control plane's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The run that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The control plane where its commands ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineName>,
}

impl Launched {
    /// Returns what is kept by a launch of which nothing else is known.
    pub fn of(digest: Digest) -> Self {
        Self { digest, manifest: None, at: None, run: None, machine: None }
    }
}

/// What a machine has of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// diffIDs of the layers in its store.
    pub layers: BTreeSet<Digest>,
    /// Receipts by the work's name.
    pub receipts: BTreeMap<String, Receipt>,
    /// Work that runs there now: step, run, and since when (RFC 3339).
    pub under_way: Option<String>,
    /// Components of which what ran before is put aside: they are being configured anew, or that was cut off.
    #[serde(default)]
    pub put_aside: BTreeSet<Part>,
}

/// What one machine says of itself, in one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFacts {
    /// Its host name.
    pub hostname: String,
    /// `/etc/machine-id`.
    pub machine_id: String,
    /// The firmware's identity; virtual machines copied from one may share it.
    pub product_uuid: Option<String>,
    /// Its architecture.
    pub arch: Arch,
    /// `uname -r`.
    pub kernel: String,
    /// PRETTY_NAME of `/etc/os-release`.
    pub system: String,
    /// Which control groups its units live in.
    pub control_groups: ControlGroups,
    /// Whether it is a container, which shares its disk and kernel settings with others.
    pub container: bool,
    /// Whether systemd is its init.
    pub systemd: bool,
    /// Kernel features that Kubernetes needs and that were found neither built in nor as a module.
    pub missing_features: Vec<String>,
    /// Whether a process may lower its oom_score_adj; containers often may not.
    pub may_lower_oom_score: bool,
    /// Whether the connection-tracking limits can be set.
    pub may_set_conntrack: bool,
    /// Whether there is an `/etc/localtime`, which the control plane's pods are given.
    pub has_local_time: bool,
    /// Processors.
    pub processors: usize,
    /// Memory, bytes.
    pub memory: u64,
    /// Swap in use by the kernel, bytes.
    pub swap: u64,
    /// Room below /var/lib.
    pub room: Room,
    /// The slowest of a few fsyncs below /var/lib, milliseconds; measured only on control planes to be that are nobody's yet.
    pub fsync_milliseconds: Option<u64>,
    /// Its clock, milliseconds since 1970.
    pub clock: i64,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Name servers of its resolv.conf.
    pub nameservers: Vec<IpAddr>,
    /// Ports of those asked for that something listens on, with what listens.
    pub taken_ports: BTreeMap<u16, String>,
    /// Container runtimes that are there and that we did not bring.
    pub foreign_runtimes: Vec<String>,
    /// Paths that only a Kubernetes leaves behind.
    pub kubernetes_traces: Vec<String>,
    /// The CA of the Kubernetes there.
    pub authority: Option<Digest>,
    /// Whose it is.
    pub marker: Option<Marker>,
    /// What is there of a cluster.
    pub holdings: Holdings,
    /// States of the units that matter.
    pub units: BTreeMap<String, UnitState>,
    /// Whether `/etc/kubernetes/kubelet.conf` is there: it was a member once.
    pub joined: bool,
    /// The addresses that kubelet was told when the machine joined, the one of the cluster's first family first.
    #[serde(default)]
    pub node_addresses: Vec<IpAddr>,
    /// Whether the container runtime answers on its socket.
    pub cri_answers: bool,
    /// Whether an API server on this machine answers its `/readyz`.
    pub api_ready: bool,
    /// The certificates of Kubernetes there.
    #[serde(default)]
    pub certificates: Vec<CertificateFacts>,
}

impl MachineFacts {
    /// Tells whether the unit runs.
    pub fn runs(&self, unit: &str) -> bool {
        self.units.get(unit).is_some_and(UnitState::is_active)
    }
}

/// A certificate that Kubernetes uses on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// What it is for, as kubeadm calls it: `apiserver`, `etcd-server`, `admin.conf`, `kubelet`.
    pub name: String,
    /// When it ends to be valid, seconds since 1970.
    pub expires: i64,
}

/// A member of etcd, as its own list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdMember {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started once.
    pub name: String,
    /// Where the other members reach it: `https://10.0.0.1:2380`.
    pub peer_urls: Vec<String>,
    /// Whether it only learns and has no vote yet.
    pub learner: bool,
    /// Whether it answered.
    pub healthy: bool,
}

/// What of a Node sealift set, as the Node itself records it: that alone is ours to take back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OursOnNode {
    /// Keys of labels.
    #[serde(default)]
    pub labels: BTreeSet<String>,
    /// Taints, each with its effect.
    #[serde(default)]
    pub taints: BTreeSet<TaintKey>,
    /// Whether we keep new pods from it.
    #[serde(default)]
    pub cordon: bool,
}

/// A Node as the API has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// The machine it is, by `/etc/machine-id`.
    pub machine_id: String,
    /// Whether kubelet says it is Ready.
    pub ready: bool,
    /// Its kubelet's version.
    pub version: String,
    /// Its internal addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it carries the control plane's label.
    pub control_plane: bool,
    /// Whether no new pods are put there.
    #[serde(default)]
    pub cordoned: bool,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its taints.
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// What of it we set.
    #[serde(default)]
    pub ours: OursOnNode,
}

/// What the Kubernetes API says, in one list each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiFacts {
    /// Its Nodes.
    pub nodes: Vec<NodeFacts>,
    /// Pods of kube-system and the pod network that are not Ready or not made yet, as `namespace/name: why`.
    pub waiting_pods: Vec<String>,
    /// The members of etcd; empty where its list could not be had.
    #[serde(default)]
    pub etcd: Vec<EtcdMember>,
    /// The API server's version.
    #[serde(default)]
    pub version: String,
    /// Applications that were launched, by image name.
    pub applications: BTreeMap<String, Launched>,
    /// Who has the cluster's lock now, if somebody has.
    #[serde(default)]
    pub holder: Option<Holder>,
    /// The digest of the definition that the cluster keeps of itself; `None` where it keeps none that can be read.
    #[serde(default)]
    pub definition: Option<Digest>,
    /// What the components were told the last time, as far as the cluster keeps a note of it.
    #[serde(default)]
    pub configured: Configuration,
    /// Whether there is no kube-proxy: something else forwards to Services, and nothing takes kube-proxy's configuration up.
    #[serde(default)]
    pub lacks_proxy: bool,
    /// Whether secrets of ours are left that let machines in. They are needed by nobody once a run is over.
    #[serde(default)]
    pub open_to_joins: bool,
}

/// A machine or API that may not answer. Unknown is never taken for absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen<T> {
    /// It answered.
    Known(T),
    /// It did not answer, and why.
    Unknown(Problem),
}

impl<T> Seen<T> {
    /// Returns what it said, if it answered.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(facts) => Some(facts),
            Self::Unknown(_) => None,
        }
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Each machine that was asked.
    pub machines: BTreeMap<MachineName, Seen<Box<MachineFacts>>>,
    /// The API, when one of the machines has it; `None` where no control plane was ever made.
    pub api: Option<Seen<ApiFacts>>,
    /// What the operator goes on with.
    #[serde(default)]
    pub kubeconfig: Kubeconfig,
}

/// The operator's kubeconfig of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kubeconfig {
    /// Nobody looked for it.
    #[default]
    Unseen,
    /// There is none that can be read.
    Missing,
    /// It leads to the API server at this address or name.
    LeadsTo(String),
}

impl Observed {
    /// Returns what a machine said, if it answered.
    pub fn facts(&self, machine: &MachineName) -> Option<&MachineFacts> {
        self.machines.get(machine).and_then(Seen::known).map(Box::as_ref)
    }

    /// Returns what the API said, if it answered.
    pub fn api(&self) -> Option<&ApiFacts> {
        self.api.as_ref().and_then(Seen::known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_looked_for_in_vain_is_the_clusters() {
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<BTreeSet<_>>();
        let older = Baseline { paths: set(&["/etc/cni"]), ..Baseline::default() };
        let newer =
            Baseline { looked_for: set(&["/etc/cni", "/opt/cni", "/var/log/kubernetes"]), ..older.clone() };
        for (path, by_older, by_newer) in [
            ("/etc/cni", false, false),
            ("/opt/cni", true, true),
            ("/var/log/kubernetes", false, true),
            ("/var/lib/cni", true, false),
        ] {
            assert_eq!((older.lacked(path), newer.lacked(path)), (by_older, by_newer), "{path}");
        }
    }
}
