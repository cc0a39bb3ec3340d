//! All there is in the world, behind one lock that nobody holds while they wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use sealift::error::{Class, Problem, Result};
use sealift::model::{Digest, MachineName};

use super::cluster::Cluster;
use super::faults::Faults;
use super::machine::Machine;

/// Machines and what runs on them. Clones are the same world.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    pub machines: BTreeMap<MachineName, Machine>,
    pub clusters: BTreeMap<Digest, Cluster>,
    pub faults: Faults,
    ids: u64,
}

impl World {
    /// Makes a world of machines that nobody has used.
    pub fn of<'a>(machines: impl IntoIterator<Item = &'a str>) -> Self {
        let world = Self::default();
        let machines = machines.into_iter().map(Machine::new);
        world.state().machines.extend(machines.map(|machine| (machine.name.clone(), machine)));
        world
    }

    /// Returns another world that is like this one, in which nothing is under way and nobody is connected.
    pub fn fork(&self) -> Self {
        let state = self.state();
        let machines = state.machines.iter().map(|(name, machine)| (name.clone(), machine.fork()));
        let fork = State {
            machines: machines.collect(),
            clusters: state.clusters.clone(),
            faults: Faults::default(),
            ids: state.ids,
        };
        Self(Arc::new(Mutex::new(fork)))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Makes room on every disk.
    pub fn free_disks(&self) {
        self.state().machines.values_mut().for_each(|machine| machine.disk_is_full = false);
    }
}

impl State {
    /// Returns a number that nothing else has.
    pub fn new_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub fn machine(&mut self, name: &MachineName) -> &mut Machine {
        self.machines.get_mut(name).expect("the world has this machine")
    }

    /// Tells whether the API server on a machine answers.
    pub fn api_is_ready(&self, name: &MachineName) -> bool {
        let machine = &self.machines[name];
        let own = &machine.disk.kubernetes;
        machine.runs("kubelet.service")
            && own.authority.as_ref().and_then(|authority| self.clusters.get(authority)).is_some_and(
                |cluster| {
                    let member = cluster.members.iter().find(|member| Some(member.id) == own.member);
                    // One that only learns answers nobody who wants to know what holds now.
                    member
                        .is_some_and(|member| !member.learner && Cluster::is_healthy(member, &self.machines))
                        && cluster.has_quorum(&self.machines)
                },
            )
    }

    /// Returns the cluster that a machine's administrator asks: the API server is its own.
    pub fn api(&mut self, name: &MachineName) -> Result<&mut Cluster> {
        let ready = self.api_is_ready(name) && self.machines[name].disk.kubernetes.admin;
        let authority = self.machines[name].disk.kubernetes.authority.clone();
        let cluster = authority.filter(|_| ready).and_then(|authority| self.clusters.get_mut(&authority));
        cluster.ok_or_else(|| {
            Problem::new(Class::Kubernetes, "the API does not answer").saw("connection refused")
        })
    }

    /// Returns the cluster of this CA if any API server of it answers.
    pub fn answering(&mut self, authority: &Digest) -> Option<&mut Cluster> {
        let answers = self.machines.keys().any(|name| {
            self.machines[name].disk.kubernetes.authority.as_ref() == Some(authority)
                && self.api_is_ready(name)
        });
        self.clusters.get_mut(authority).filter(|_| answers)
    }

    /// Forgets clusters of which no disk holds a member any more.
    pub fn bury(&mut self) {
        let machines = &self.machines;
        self.clusters.retain(|_, cluster| {
            cluster.members.iter().any(|member| {
                machines
                    .get(&member.machine)
                    .is_some_and(|machine| machine.disk.kubernetes.member == Some(member.id))
            })
        });
    }
}
