//! Hooks: what the operator has run on machines at certain times of a cluster's life.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MachineSpec, Role};

/// Something the operator has run on machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// What it is called; no two of a cluster have one name.
    pub name: String,
    /// When it runs.
    pub phase: HookPhase,
    /// On which machines: those of any of these.
    pub on: Vec<HookScope>,
    /// What it does.
    pub run: HookRun,
    /// How long it may take, seconds.
    pub seconds: u64,
}

impl Hook {
    /// Tells whether it is for this machine; `first` says whether it is the first control plane.
    pub fn is_for(&self, machine: &MachineSpec, first: bool) -> bool {
        // A label or a range of addresses may be workers', too, and etcd is not there.
        let has_what_it_needs = match self.run {
            HookRun::Shell(_) => true,
            HookRun::EtcdSnapshot(_) => machine.role == Role::ControlPlane,
        };
        let is_meant = |scope: &HookScope| match scope {
            HookScope::All => true,
            HookScope::ControlPlanes => machine.role == Role::ControlPlane,
            HookScope::Workers => machine.role == Role::Worker,
            HookScope::FirstControlPlane => first,
            HookScope::Machine(host) => machine.name.0 == *host || machine.address.to_string() == *host,
            HookScope::Labelled(key, value) => machine.node.labels.get(key) == Some(value),
        };
        has_what_it_needs && self.on.iter().any(is_meant)
    }
}

/// When a hook runs. Those of a machine that comes run as part of its coming, those of one that leaves as part of that; the
/// others once on every machine, and again when they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HookPhase {
    /// When the image's files are on the machine, before its `init`.
    BeforePrepare,
    /// Before kubeadm makes the cluster there or joins it.
    BeforeJoin,
    /// When the machine is in.
    AfterJoin,
    /// When all machines are in, before applications are launched.
    BeforeApplications,
    /// When the applications are launched.
    AfterInstall,
    /// Before the machine is cleaned.
    BeforeClean,
    /// When it is clean, before sealift itself leaves it.
    AfterClean,
}

impl HookPhase {
    /// All phases with their names, in the order of a cluster's life.
    pub const ALL: [(&'static str, Self); 7] = [
        ("before-prepare", Self::BeforePrepare),
        ("before-join", Self::BeforeJoin),
        ("after-join", Self::AfterJoin),
        ("before-applications", Self::BeforeApplications),
        ("after-install", Self::AfterInstall),
        ("before-clean", Self::BeforeClean),
        ("after-clean", Self::AfterClean),
    ];

    /// Tells whether etcd runs then on a control plane.
    pub fn has_etcd(self) -> bool {
        !matches!(self, Self::BeforePrepare | Self::BeforeJoin | Self::AfterClean)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, phase)| *phase == self).map_or("", |(name, _)| name)
    }
}

/// Which machines a hook is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookScope {
    /// All.
    All,
    /// Control planes.
    ControlPlanes,
    /// Workers.
    Workers,
    /// The first control plane of the definition.
    FirstControlPlane,
    /// The one of this name or address.
    Machine(String),
    /// Those whose Node is to have this label.
    Labelled(String, String),
}

/// What a hook does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookRun {
    /// Shell, run by bash in the rootfs.
    Shell(String),
    /// Saves what etcd holds, in this directory.
    EtcdSnapshot(PathBuf),
}

/// A hook as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredHook {
    /// The hook.
    pub hook: Hook,
    /// Where it stands: `file:line:column`.
    pub place: String,
}
