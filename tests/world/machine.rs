//! One machine: what is on its disk, what is gone with a restart, and what goes wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sealift::error::{Class, Problem, Result};
use sealift::model::{Configuration, Digest, MachineName, Marker};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::locks::MachineLock;

/// Bytes of a healthy machine's file system.
const ROOM: u64 = 100_000_000_000;

/// What survives a restart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Disk {
    pub marker: Option<Marker>,
    pub agent: bool,
    pub receipts: BTreeMap<String, Digest>,
    pub layers: BTreeSet<Digest>,
    pub partial: BTreeMap<Digest, u64>,
    pub rootfs: bool,
    pub applications: BTreeSet<Digest>,
    pub hosts: Vec<(IpAddr, Vec<String>)>,
    pub care: Option<serde_json::Value>,
    /// Units that start at boot.
    pub enabled: BTreeSet<String>,
    /// Whether the image's init has brought container runtime and kubelet.
    pub runtime: bool,
    pub kubelet_arguments: BTreeMap<String, String>,
    /// As whom its container runtime comes to registries.
    pub comes_as: Option<String>,
    /// Whom its registry lets in.
    pub registry_users: BTreeSet<String>,
    pub kubernetes: Kubernetes,
    /// What ran of parts that are being configured anew.
    pub put_aside: Configuration,
}

/// What kubeadm and kubelet leave on a disk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kubernetes {
    /// The CA.
    pub authority: Option<Digest>,
    pub admin: bool,
    pub manifests: bool,
    /// kubelet's credentials: it was let in.
    pub kubelet: bool,
    /// The data of a member of etcd.
    pub member: Option<u64>,
    /// By which documents its components were made.
    pub configured: Configuration,
}

impl Kubernetes {
    /// Tells whether an init or join began here and left something behind.
    pub fn was_begun(&self) -> bool {
        *self != Self::default()
    }
}

/// What is gone with a restart.
#[derive(Default)]
pub struct Memory {
    /// Units that run.
    pub running: BTreeSet<String>,
    pub works: BTreeMap<String, Transient>,
    pub lock: Option<MachineLock>,
    /// The lock's own files, which stay when it is given back and go when the machine is left.
    pub lock_files: bool,
    /// The newest epoch that was seen, where there is no marker to keep it.
    pub epoch: u64,
}

/// A piece of work that outlives its connection.
pub struct Transient {
    pub run: String,
    pub result: watch::Receiver<Option<Result<()>>>,
    pub task: AbortHandle,
}

impl Transient {
    pub fn is_under_way(&self) -> bool {
        self.result.borrow().is_none()
    }
}

/// Whether a machine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    On,
    Booting(tokio::time::Instant),
}

#[expect(clippy::struct_field_names, reason = "machine-id is what the system calls it")]
pub struct Machine {
    pub name: MachineName,
    pub address: IpAddr,
    pub machine_id: String,
    pub disk: Disk,
    pub memory: Memory,
    pub power: Power,
    pub disk_is_full: bool,
    /// When kubelet was last seen to run, for as long as it does not.
    pub kubelet_stopped: Option<tokio::time::Instant>,
    /// Connections to its agent.
    pub connections: BTreeMap<u64, CancellationToken>,
}

impl Machine {
    pub fn new(name: &str) -> Self {
        Self {
            name: MachineName(name.to_owned()),
            address: name.parse().expect("machines of the world are named by their addresses"),
            machine_id: Digest::of(name).hex()[..32].to_owned(),
            disk: Disk::default(),
            memory: Memory::default(),
            power: Power::On,
            disk_is_full: false,
            kubelet_stopped: None,
            connections: BTreeMap::new(),
        }
    }

    /// Returns another machine with the same disk, on which the same units run.
    pub fn fork(&self) -> Self {
        let memory = Memory {
            running: self.memory.running.clone(),
            epoch: self.memory.epoch,
            lock_files: self.memory.lock_files,
            ..Memory::default()
        };
        Self { disk: self.disk.clone(), memory, ..Self::new(&self.name.0) }
    }

    pub fn hostname(&self) -> String {
        format!("node-{}", self.name.0.replace('.', "-"))
    }

    pub fn is_on(&self) -> bool {
        match self.power {
            Power::On => true,
            Power::Booting(until) => tokio::time::Instant::now() >= until,
        }
    }

    pub fn runs(&self, unit: &str) -> bool {
        self.is_on() && self.memory.running.contains(unit)
    }

    /// Bytes free.
    pub fn room(&self) -> u64 {
        if self.disk_is_full { 0 } else { ROOM }
    }

    /// Whether something can be written.
    pub fn writable(&self) -> Result<()> {
        if !self.disk_is_full {
            return Ok(());
        }
        Err(Problem::new(Class::Machine, "cannot write below /var/lib")
            .saw("No space left on device (os error 28)")
            .remedy("make room there, then run the same command again"))
    }

    pub fn enable(&mut self, unit: &str) {
        self.disk.enabled.insert(unit.to_owned());
        self.start(unit);
    }

    pub fn start(&mut self, unit: &str) {
        self.memory.running.insert(unit.to_owned());
        if unit == "kubelet.service" {
            self.kubelet_stopped = None;
        }
    }

    pub fn stop(&mut self, unit: &str) {
        if self.memory.running.remove(unit) && unit == "kubelet.service" {
            self.kubelet_stopped = Some(tokio::time::Instant::now());
        }
    }

    pub fn disable(&mut self, unit: &str) {
        self.disk.enabled.remove(unit);
        self.stop(unit);
    }

    /// Cuts every connection. Work that was begun goes on.
    pub fn cut(&mut self) {
        std::mem::take(&mut self.connections).values().for_each(CancellationToken::cancel);
    }

    /// Loses what is in memory, and comes back with the units that start at boot.
    pub fn restart(&mut self, boot: std::time::Duration) {
        self.cut();
        if self.memory.running.contains("kubelet.service") {
            self.kubelet_stopped = Some(tokio::time::Instant::now());
        }
        let memory = std::mem::take(&mut self.memory);
        memory.works.values().for_each(|work| work.task.abort());
        self.power = Power::Booting(tokio::time::Instant::now() + boot);
        let enabled = self.disk.enabled.clone();
        // kubelet is started as well, and fails for as long as nobody has let it in.
        let can_run = |unit: &&String| *unit != "kubelet.service" || self.disk.kubernetes.kubelet;
        let started: Vec<&String> = enabled.iter().filter(can_run).collect();
        for unit in started {
            self.start(unit);
        }
    }
}
