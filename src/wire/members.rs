//! What is asked of a control plane about the cluster's Nodes. Each can be asked again: what is done stays done.

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
