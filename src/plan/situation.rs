//! Where every machine stands: the definition beside what was seen of it, found by name, machine-id and address at once.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::desired::Desired;
use crate::error::{Class, Problem};
use crate::model::{
    ApiFacts, Digest, EtcdMember, Intent, MachineFacts, MachineSpec, Marker, NodeFacts, Observed, Role, Seen,
};

/// What is wanted against what is there. It is made once for a plan, so that clusters of thousands are planned in time.
pub(super) struct Situation<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    /// The cluster's CA as far as the operator knows one.
    authority: Option<&'a Digest>,
    nodes: HashMap<&'a str, &'a NodeFacts>,
    /// Nodes of machines that did not answer, or that are no more.
    silent_nodes: HashMap<IpAddr, &'a NodeFacts>,
    members: HashMap<IpAddr, &'a EtcdMember>,
}

/// Where one machine stands.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) spec: &'a MachineSpec,
    /// What it said, if it answered.
    pub(super) facts: Option<&'a MachineFacts>,
    /// Its Node.
    pub(super) node: Option<&'a NodeFacts>,
    /// The Node of a machine that was at its address before.
    pub(super) former_node: Option<&'a NodeFacts>,
    /// Its etcd.
    pub(super) member: Option<&'a EtcdMember>,
}

/// Whose a machine is that was in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Possession {
    /// Ours: the marker says so.
    Ours,
    /// It is a member of our cluster, but nothing there says that we made it one.
    Unmarked,
    /// Nothing of ours is on it any more; it is nobody's, or somebody else's.
    Gone,
    /// It did not answer.
    Unknown,
}

impl<'a> Situation<'a> {
    pub(super) fn new(desired: &'a Desired, observed: &'a Observed, authority: Option<&'a Digest>) -> Self {
        let answering: HashSet<&str> = observed
            .machines
            .values()
            .filter_map(Seen::known)
            .map(|facts| facts.machine_id.as_str())
            .collect();
        let nodes = observed.api().map_or(&[][..], |api| &api.nodes);
        let silent = nodes.iter().filter(|node| !answering.contains(node.machine_id.as_str()));
        let members = observed.api().map_or(&[][..], |api| &api.etcd);
        let of_member = |member: &'a EtcdMember| addresses(member).map(move |address| (address, member));
        Self {
            desired,
            observed,
            authority,
            nodes: nodes.iter().map(|node| (node.machine_id.as_str(), node)).collect(),
            silent_nodes: silent
                .flat_map(|node| node.addresses.iter().map(move |address| (*address, node)))
                .collect(),
            members: members.iter().flat_map(of_member).collect(),
        }
    }

    /// Returns where a machine stands. The Node of one that is silent can only be found by its address.
    pub(super) fn of(&self, spec: &'a MachineSpec) -> Standing<'a> {
        let facts = self.observed.facts(&spec.name);
        let at_its_address = self.silent_nodes.get(&spec.address).copied();
        let (node, former_node) = match facts {
            Some(facts) => (self.nodes.get(facts.machine_id.as_str()).copied(), at_its_address),
            None => (at_its_address, None),
        };
        Standing { spec, facts, node, former_node, member: self.members.get(&spec.address).copied() }
    }

    pub(super) fn api(&self) -> Option<&'a ApiFacts> {
        self.observed.api()
    }

    /// Returns etcd's members; `None` where their list could not be had.
    pub(super) fn etcd(&self) -> Option<&'a [EtcdMember]> {
        self.api().map(|api| api.etcd.as_slice()).filter(|members| !members.is_empty())
    }

    /// Tells whether there is a cluster: somebody knows its CA, or its API answers.
    pub(super) fn exists(&self) -> bool {
        self.api().is_some() || self.is_made()
    }

    fn knows_authority(&self) -> bool {
        let knows = |spec: &MachineSpec| {
            self.observed
                .facts(&spec.name)
                .and_then(|facts| facts.marker.as_ref())
                .is_some_and(|marker| marker.authority.is_some() && marker.cluster == self.name())
        };
        self.desired.cluster.machines.iter().chain(&self.desired.leaving).any(knows)
    }

    /// Tells whether the making of the cluster came to its end: its CA is written down as soon as it has.
    pub(super) fn is_made(&self) -> bool {
        self.authority.is_some() || self.knows_authority()
    }

    /// Returns the machines that leave. One that only goes by another name now does not.
    pub(super) fn leaving(&self) -> Vec<&'a MachineSpec> {
        let staying = &self.desired.cluster.machines;
        let addresses: HashSet<IpAddr> = staying.iter().map(|spec| spec.address).collect();
        let ids: HashSet<&str> = staying.iter().filter_map(|spec| self.machine_id(spec)).collect();
        let stays = |spec: &MachineSpec| {
            addresses.contains(&spec.address) || self.machine_id(spec).is_some_and(|id| ids.contains(id))
        };
        self.desired.leaving.iter().filter(|spec| !stays(spec)).collect()
    }

    /// Returns why nothing is known of a machine.
    pub(super) fn silence(&self, spec: &MachineSpec) -> Problem {
        match self.observed.machines.get(&spec.name) {
            Some(Seen::Unknown(problem)) => problem.clone().on(&spec.name),
            _ => Problem::new(Class::Connection, "the machine was not looked at").on(&spec.name),
        }
    }

    /// Tells whose a machine is that was in the cluster.
    pub(super) fn possession(&self, machine: &Standing<'_>) -> Possession {
        let Some(facts) = machine.facts else { return Possession::Unknown };
        match &facts.marker {
            Some(marker) if self.is_ours(marker, facts) => Possession::Ours,
            None if facts.joined
                && facts.authority.is_some()
                && facts.authority.as_ref() == self.authority =>
            {
                Possession::Unmarked
            }
            _ => Possession::Gone,
        }
    }

    fn is_ours(&self, marker: &Marker, facts: &MachineFacts) -> bool {
        let other_cluster = matches!((&marker.authority, self.authority), (Some(a), Some(b)) if a != b);
        marker.cluster == self.name() && marker.machine_id == facts.machine_id && !other_cluster
    }

    fn machine_id(&self, spec: &MachineSpec) -> Option<&'a str> {
        self.observed.facts(&spec.name).map(|facts| facts.machine_id.as_str())
    }

    fn name(&self) -> &'a str {
        &self.desired.cluster.name
    }
}

impl Standing<'_> {
    /// Tells whether it is a part of the cluster in full: its kubelet was let in and runs, the API has it as a Node,
    /// and a control plane serves and is marked as one, which is the last thing of its join.
    pub(super) fn is_member(&self) -> bool {
        let is_marked = |node: &NodeFacts| self.spec.role == Role::Worker || node.control_plane;
        let serves = |facts: &MachineFacts| self.spec.role == Role::Worker || facts.api_ready;
        self.node.is_some_and(is_marked)
            && self.facts.is_some_and(|facts| facts.joined && serves(facts) && facts.runs("kubelet.service"))
    }

    /// Tells whether it was let in once, whatever it is like now. It comes back rather than joins.
    pub(super) fn had_joined(&self) -> bool {
        self.facts.map_or(self.node.is_some() || self.member.is_some(), |facts| facts.joined)
    }

    /// Tells whether etcd has a member here that does not answer.
    pub(super) fn is_dead_member(&self) -> bool {
        self.member.is_some_and(|member| !member.healthy)
    }

    /// Returns what it was in the cluster, as far as that shows.
    pub(super) fn former_role(&self) -> Option<Role> {
        let of_node = |node: &NodeFacts| if node.control_plane { Role::ControlPlane } else { Role::Worker };
        let marker = self.facts.and_then(|facts| facts.marker.as_ref());
        marker
            .filter(|marker| marker.intent == Intent::Member && self.had_joined())
            .map(|marker| marker.role)
            .or_else(|| self.node.filter(|_| self.facts.is_none()).map(of_node))
    }
}

/// Returns the addresses that the other members reach one at: `https://10.0.0.1:2380`, `https://[fd00::1]:2380`.
fn addresses(member: &EtcdMember) -> impl Iterator<Item = IpAddr> {
    member.peer_urls.iter().filter_map(|url| {
        let authority = url.split_once("://")?.1;
        let (host, _) = authority.trim_end_matches('/').rsplit_once(':')?;
        host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    })
}
