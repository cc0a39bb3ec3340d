//! A model of machines, etcd and the API, on which plans are carried out in memory: what there is, what can be seen of it, and how
//! that differs from a wish.

mod acting;

use std::collections::{BTreeMap, BTreeSet};

use super::super::testing::{desired, fresh, image};
use super::super::*;
use crate::error::{Class, Problem};
use crate::model::*;
use crate::quorum::Votes;

/// Everything there is, whether it can be seen or not.
pub(super) struct World {
    pub(super) machines: BTreeMap<MachineName, Machine>,
    nodes: Vec<NodeFacts>,
    members: Vec<Member>,
    applications: BTreeMap<String, Launched>,
    /// What the cluster keeps of itself, and whether it is open to joins.
    definition: Option<Digest>,
    open_to_joins: bool,
    /// What the operator keeps.
    pub(super) kept: Kept,
    authority: Option<Digest>,
    /// What the rootfs image has every machine do.
    commands: Vec<String>,
    /// Machines that were given up: what is on them is nobody's business until they are wished again.
    given_up: BTreeSet<MachineName>,
    /// The registries' credentials.
    pub(super) access: RegistryAccess,
    /// Machines that were silent at some time: they may not have heard of other credentials.
    pub(super) once_silent: BTreeSet<MachineName>,
}

pub(super) struct Machine {
    pub(super) spec: MachineSpec,
    pub(super) facts: MachineFacts,
    pub(super) on: bool,
    /// How often it was installed anew.
    incarnation: u32,
    /// As whom it comes to registries.
    pub(super) comes_as: Option<String>,
    /// Whom its registry lets in.
    pub(super) admits: BTreeSet<String>,
}

struct Member {
    id: u64,
    machine_id: String,
    spec: MachineSpec,
}

impl Machine {
    /// Says which work has no receipt, or one of other work.
    fn lacks(&self, wish: &Desired) -> impl Iterator<Item = &'static str> {
        let (spec, facts) = (&self.spec, &self.facts);
        let kubelet = (!spec.node.kubelet_arguments.is_empty()).then(|| kubelet(spec));
        let wanted = [
            ("lay-out", Some(lay_out(wish, spec, facts))),
            ("endpoints", Some(connected(wish, spec))),
            ("prepare", Some(prepared(wish, spec, facts))),
            ("commands", ran(wish, spec, facts)),
            ("kubelet", kubelet),
        ];
        let lacks = |(work, wanted): (&'static str, Option<Digest>)| {
            let present = facts.holdings.receipts.get(work).map(|receipt| &receipt.digest);
            wanted.filter(|wanted| present != Some(wanted)).map(|_| work)
        };
        wanted.into_iter().filter_map(lacks)
    }
}

/// The state as it is kept between runs.
#[derive(Default, Clone)]
pub(super) struct Kept {
    pub(super) machines: Vec<MachineSpec>,
    leaving: Vec<MachineSpec>,
}

/// How a step ends.
pub(super) type Ended = Result<(), String>;

impl World {
    /// A pool of machines that are nobody's: 10.0.0.1... are to be control planes, 10.0.0.101... workers.
    pub(super) fn of_fresh_machines() -> Self {
        let pool = desired(5, 5).cluster.machines;
        let machine = |spec: MachineSpec| Machine {
            facts: fresh(&spec),
            spec,
            on: true,
            incarnation: 0,
            comes_as: None,
            admits: BTreeSet::new(),
        };
        Self {
            machines: pool.into_iter().map(|spec| (spec.name.clone(), machine(spec))).collect(),
            nodes: vec![],
            members: vec![],
            applications: BTreeMap::new(),
            definition: None,
            open_to_joins: false,
            kept: Kept::default(),
            authority: None,
            commands: vec![],
            given_up: BTreeSet::new(),
            access: desired(0, 0).registry,
            once_silent: BTreeSet::new(),
        }
    }

    /// Returns the wish for these control planes and workers, by the last number of their addresses.
    pub(super) fn wish(&self, control_planes: &BTreeSet<u8>, workers: &BTreeSet<u8>) -> Desired {
        let name = |last: u8| MachineName(format!("10.0.0.{last}"));
        let numbers = control_planes.iter().copied().chain(workers.iter().map(|number| number + 100));
        let mut wish = Desired { registry: self.access.clone(), ..desired(0, 0) };
        let rootfs =
            ImageContract { commands: self.commands.clone(), ..image("kubernetes", ImageKind::Rootfs) };
        wish.images = vec![rootfs, image("flannel", ImageKind::Application)];
        wish.cluster.machines = numbers.map(|number| self.machines[&name(number)].spec.clone()).collect();
        let stays = |spec: &&MachineSpec| !wish.cluster.machines.iter().any(|one| one.name == spec.name);
        let mut leaving: Vec<MachineSpec> =
            self.kept.machines.iter().chain(&self.kept.leaving).filter(stays).cloned().collect();
        leaving.dedup_by(|a, b| a.name == b.name);
        wish.leaving = leaving;
        wish
    }

    pub(super) fn authority(&self) -> Option<&Digest> {
        self.authority.as_ref()
    }

    /// Before anything is changed, the operator writes down whom the run is about.
    pub(super) fn begin(&mut self, wish: &Desired) {
        self.kept = Kept { machines: wish.cluster.machines.clone(), leaving: wish.leaving.clone() };
    }

    /// Returns what can be seen of it.
    pub(super) fn look(&self) -> Observed {
        let machines = self.machines.iter().map(|(name, machine)| {
            let seen = if machine.on {
                let mut facts = machine.facts.clone();
                facts.api_ready = self.serves(machine);
                Seen::Known(Box::new(facts))
            } else {
                Seen::Unknown(Problem::new(Class::Connection, "no route to host"))
            };
            (name.clone(), seen)
        });
        let through = self.machines.values().find(|machine| machine.on && self.serves(machine));
        let nodes = self.nodes.iter().map(|node| NodeFacts {
            ready: self.by_id(&node.machine_id).is_some_and(|machine| machine.on && machine.facts.joined),
            ..node.clone()
        });
        let api = through.map(|_| {
            Seen::Known(ApiFacts {
                nodes: nodes.collect(),
                etcd: self.etcd(),
                applications: self.applications.clone(),
                definition: self.definition.clone(),
                open_to_joins: self.open_to_joins,
                ..ApiFacts::default()
            })
        });
        Observed { machines: machines.collect(), api, kubeconfig: Kubeconfig::Unseen }
    }

    pub(super) fn power(&mut self, name: &MachineName, on: bool) {
        let was = self.machines[name].on;
        self.machine(name).on = on;
        if !self.has_quorum() {
            self.machine(name).on = was;
        }
        self.once_silent.extend(self.silent());
    }

    /// The disk is new and empty, the address is the same.
    pub(super) fn reinstall(&mut self, name: &MachineName) {
        let machine = &self.machines[name];
        let votes = self.members.iter().filter(|member| member.machine_id != machine.facts.machine_id);
        let lost = votes.filter(|member| self.answers(member)).count() < self.members.len() / 2 + 1;
        if !machine.on || (lost && !self.members.is_empty()) {
            return;
        }
        let machine = self.machine(name);
        machine.incarnation += 1;
        machine.facts = fresh(&machine.spec);
        machine.facts.machine_id = format!("{}-{}", machine.facts.machine_id, machine.incarnation);
        (machine.comes_as, machine.admits) = (None, BTreeSet::new());
    }

    pub(super) fn relabel(&mut self, name: &MachineName, labels: BTreeMap<String, String>) {
        self.machine(name).spec.node.labels = labels;
    }

    /// The kubelet there is wished to have these arguments.
    pub(super) fn instruct(&mut self, name: &MachineName, arguments: BTreeMap<String, String>) {
        self.machine(name).spec.node.kubelet_arguments = arguments;
    }

    /// The rootfs image has other commands.
    pub(super) fn command(&mut self, commands: Vec<String>) {
        self.commands = commands;
    }

    /// Tells whether a machine has a member of etcd that answers.
    pub(super) fn has_healthy_member(&self, name: &MachineName) -> bool {
        self.members.iter().any(|member| member.spec.name == *name && self.answers(member))
    }

    pub(super) fn silent(&self) -> BTreeSet<MachineName> {
        self.machines.iter().filter(|(_, machine)| !machine.on).map(|(name, _)| name.clone()).collect()
    }

    /// Says what is not as wished, for machines that answer.
    pub(super) fn differences(&self, wish: &Desired) -> Vec<String> {
        let mut differences = Vec::new();
        let wished: BTreeSet<&MachineName> = wish.cluster.machines.iter().map(|spec| &spec.name).collect();
        for (name, machine) in self.machines.iter().filter(|(_, machine)| machine.on) {
            let node = self.nodes.iter().find(|node| node.machine_id == machine.facts.machine_id);
            let votes = self.members.iter().any(|member| member.machine_id == machine.facts.machine_id);
            match (wished.contains(name), node) {
                (true, None) => differences.push(format!("{name} has no Node")),
                (false, Some(_)) => differences.push(format!("{name} has a Node")),
                (true, Some(node)) if node.cordoned => differences.push(format!("{name} is closed")),
                (true, Some(node)) if node.labels != machine.spec.node.labels => {
                    differences.push(format!("{name} has the labels {:?}", node.labels));
                }
                _ => {}
            }
            if votes != (wished.contains(name) && machine.spec.role == Role::ControlPlane) {
                differences.push(format!("{name} has a vote: {votes}"));
            }
            if wished.contains(name) {
                differences.extend(machine.lacks(wish).map(|work| format!("{name} lacks {work}")));
                differences.extend(machine.strangeness(&self.access));
            }
            if machine.facts.marker.is_some() != wished.contains(name) && !self.given_up.contains(name) {
                differences.push(format!("{name} is marked: {:?}", machine.facts.marker));
            }
        }
        for member in self.members.iter().filter(|member| !wished.contains(&member.spec.name)) {
            differences.push(format!("{} still votes", member.spec.name));
        }
        for node in self.nodes.iter().filter(|node| !wished.iter().any(|name| node.name == node_name(name))) {
            differences.push(format!("{} is still a Node", node.name));
        }
        differences
    }

    /// A control plane serves while its etcd is a member and etcd decides.
    fn serves(&self, machine: &Machine) -> bool {
        let id = &machine.facts.machine_id;
        machine.facts.joined
            && self.has_quorum()
            && self.members.iter().any(|member| member.machine_id == *id)
    }

    fn require_api(&self) -> Ended {
        self.machines
            .values()
            .any(|machine| machine.on && self.serves(machine))
            .then_some(())
            .ok_or_else(|| "no API server answers".to_owned())
    }

    fn require_api_besides(&self, name: &MachineName) -> Ended {
        let other = |machine: &Machine| machine.spec.name != *name && machine.on && self.serves(machine);
        self.machines
            .values()
            .any(other)
            .then_some(())
            .ok_or_else(|| "no other API server answers".to_owned())
    }

    fn etcd(&self) -> Vec<EtcdMember> {
        let member = |member: &Member| EtcdMember {
            id: member.id,
            name: node_name(&member.spec.name),
            peer_urls: vec![format!("https://{}:2380", member.spec.address)],
            learner: false,
            healthy: self.answers(member),
        };
        self.members.iter().map(member).collect()
    }

    fn votes(&self) -> Votes {
        Votes::of(&self.etcd())
    }

    fn has_quorum(&self) -> bool {
        self.members.is_empty() || self.votes().decide()
    }

    fn answers(&self, member: &Member) -> bool {
        self.by_id(&member.machine_id).is_some_and(|machine| machine.on && machine.facts.joined)
    }

    fn by_id(&self, id: &str) -> Option<&Machine> {
        self.machines.values().find(|machine| machine.facts.machine_id == id)
    }

    fn node_of(&self, machine: &Machine) -> Option<&NodeFacts> {
        self.nodes.iter().find(|node| node.machine_id == machine.facts.machine_id)
    }

    pub(super) fn machine(&mut self, name: &MachineName) -> &mut Machine {
        self.machines.get_mut(name).expect("the machine is in the pool")
    }

    fn facts(&mut self, name: &MachineName) -> &mut MachineFacts {
        &mut self.machine(name).facts
    }
}

fn node_name(name: &MachineName) -> String {
    format!("node-{}", name.0.replace('.', "-"))
}
