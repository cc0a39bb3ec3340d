//! A Kubernetes: what its etcd holds, and which of its members have the data.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sealift::error::{Class, Problem, Result};
use sealift::model::{
    Configuration, Digest, Launched, MachineName, NodeChange, NodeFacts, NodeWishes, Part, Taint,
};
use sealift::wire::{NodeKey, Touched};
use tokio::time::Instant;

use super::locks::Lease;
use super::machine::Machine;

/// For so long a Node whose kubelet is silent still counts as Ready.
const GRACE: Duration = Duration::from_secs(40);

#[derive(Debug, Clone)]
pub struct Cluster {
    pub authority: Digest,
    pub members: Vec<Member>,
    pub nodes: BTreeMap<String, NodeFacts>,
    /// Whether kubeadm has put in what machines need to join: its configuration, roles, DNS and proxy.
    pub furnished: bool,
    pub tokens: usize,
    pub certificates: bool,
    pub state: Option<String>,
    pub applications: BTreeMap<String, Launched>,
    pub lease: Lease,
    /// The documents by which machines join, by the digests of what they say.
    pub documents: Configuration,
    /// What is noted of them.
    pub configured: Configuration,
}

/// A member of etcd.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub id: u64,
    pub machine: MachineName,
    pub address: IpAddr,
    pub learner: bool,
}

impl Cluster {
    pub fn new(authority: Digest) -> Self {
        Self {
            authority,
            members: vec![],
            nodes: BTreeMap::new(),
            furnished: false,
            tokens: 0,
            certificates: false,
            state: None,
            applications: BTreeMap::new(),
            lease: Lease::default(),
            documents: Configuration::new(),
            configured: Configuration::new(),
        }
    }

    /// Tells whether a member runs, with its data.
    pub fn is_healthy(member: &Member, machines: &BTreeMap<MachineName, Machine>) -> bool {
        machines.get(&member.machine).is_some_and(|machine| {
            machine.runs("kubelet.service")
                && machine.runs("containerd.service")
                && machine.disk.kubernetes.manifests
                && machine.disk.kubernetes.configured.contains_key(&Part::ControlPlane)
                && machine.disk.kubernetes.member == Some(member.id)
        })
    }

    /// Tells whether etcd answers.
    pub fn has_quorum(&self, machines: &BTreeMap<MachineName, Machine>) -> bool {
        let voters = || self.members.iter().filter(|member| !member.learner);
        let healthy = voters().filter(|member| Self::is_healthy(member, machines)).count();
        healthy > voters().count() / 2
    }

    /// Returns the Node that is meant.
    pub fn node(&mut self, key: &NodeKey) -> Option<&mut NodeFacts> {
        self.nodes.values_mut().find(|node| match key {
            NodeKey::MachineId(id) => node.machine_id == *id,
            NodeKey::Address(address) => node.addresses.contains(address),
        })
    }

    /// Returns the Nodes as the API shows them.
    pub fn nodes(&self, machines: &BTreeMap<MachineName, Machine>) -> Vec<NodeFacts> {
        let shown = |node: &NodeFacts| NodeFacts { ready: is_ready(node, machines), ..node.clone() };
        self.nodes.values().map(shown).collect()
    }

    /// Adds a member that has no vote yet. etcd has one of these at a time.
    pub fn add_learner(&mut self, id: u64, machine: &Machine) -> Result<()> {
        let refused = |why: &str| Problem::new(Class::Kubernetes, "`kubeadm join` failed").saw(why);
        if self.members.iter().any(|member| member.machine == machine.name) {
            return Err(refused("etcdserver: Peer URLs already exists"));
        }
        if self.members.iter().any(|member| member.learner) {
            return Err(refused("etcdserver: too many learner members in cluster"));
        }
        self.members.push(Member {
            id,
            machine: machine.name.clone(),
            address: machine.address,
            learner: true,
        });
        Ok(())
    }
}

fn is_ready(node: &NodeFacts, machines: &BTreeMap<MachineName, Machine>) -> bool {
    let Some(machine) = machines.values().find(|machine| machine.machine_id == node.machine_id) else {
        return false;
    };
    let within_grace = machine.kubelet_stopped.is_some_and(|stopped| Instant::now() < stopped + GRACE);
    within_grace || machine.runs("kubelet.service") && machine.runs("containerd.service")
}

/// Gives a Node what is wished for it.
pub fn configure(node: &mut NodeFacts, wishes: &NodeWishes) -> Touched {
    let change = NodeChange::between(wishes, node);
    if change.is_empty() {
        return Touched::Unchanged;
    }
    for (key, value) in change.labels {
        match value {
            Some(value) => node.labels.insert(key, value),
            None => node.labels.remove(&key),
        };
    }
    let gone = |taint: &Taint| {
        let set = change.set_taints.iter().map(Taint::key);
        change
            .remove_taints
            .iter()
            .cloned()
            .chain(set)
            .any(|key| key.key == taint.key && key.effect.is_none_or(|effect| effect == taint.effect))
    };
    node.taints.retain(|taint| !gone(taint));
    node.taints.extend(change.set_taints.iter().cloned());
    node.ours.labels = change.our_labels;
    node.ours.taints = change.our_taints;
    if change.uncordon {
        (node.cordoned, node.ours.cordon) = (false, false);
    }
    Touched::Changed
}
