//! What is asked of a control plane about the cluster's Nodes and etcd's members. Each can be asked again: what is done stays done.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::NodeWishes;

/// Which Node is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKey {
    /// The one of the machine with this `/etc/machine-id`.
    MachineId(String),
    /// The one with this internal address: of a machine that does not answer any more.
    Address(IpAddr),
}

/// Whether something was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Touched {
    /// It was done already.
    Unchanged,
    /// It was, and is done.
    Changed,
}

/// What becomes of pods that have not left a Node in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overdue {
    /// They stay, and the drain has failed.
    #[default]
    Fails,
    /// They are deleted, whatever their budgets say.
    Deleted,
}

/// Asks whether the API server on this machine answers that it is ready.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct IsApiReady {}

/// Gives a Node the labels and taints that are wished, and opens it again if we had closed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfigureNode {
    /// The Node.
    pub node: NodeKey,
    /// What it is to be like.
    pub wishes: NodeWishes,
}

/// Closes a Node to new pods and waits until those that can leave have left. It goes on for as long as it is waited
/// for: pods that were told to go then, go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Drain {
    /// The Node.
    pub node: NodeKey,
    /// Seconds until it is given up, or harder means are taken.
    pub seconds: u64,
    /// What comes then.
    pub overdue: Overdue,
}

/// Removes a Node, and what kubeadm kept of it in the cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeleteNode {
    /// The Node.
    pub node: NodeKey,
}

/// Takes a control plane's etcd out of the members, the lead handed over first and the votes counted once more.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RemoveEtcdMember {
    /// Where the other members reach it.
    pub address: IpAddr,
}

/// Makes sure that etcd can take another member: what joins that were cut off have left there goes, and all that is left
/// is waited for until it is well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdmitEtcdMember {
    /// Where the other members will reach it.
    pub address: IpAddr,
    /// Other machines of the run that have not joined: what learns there is only left over.
    pub unfinished: Vec<IpAddr>,
    /// Seconds until the others have to be well.
    pub seconds: u64,
    /// Whether etcd is saved first.
    pub snapshot: Snapshot,
}

/// Waits until every member of etcd votes and answers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct AwaitEtcd {
    /// Seconds until they have to.
    pub seconds: u64,
}

/// Whether etcd's data is saved before its members change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshot {
    /// It is: a new member votes at once, and one that fails may stop the others.
    Taken,
    /// A new member learns before it votes, so nothing can be lost.
    NotNeeded,
}
