//! A cluster's status as plain data, and how it comes out of what was seen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drift;
use crate::error::{Problem, Problems};
use crate::model::{
    ApiFacts, Digest, EtcdMember, ImageContract, MachineSpec, NodeFacts, Observed, Receipt, Seen,
};
use crate::plan::{self, Desired, Plan};
use crate::steps::{PastRun, RunOutcome, State};

/// How many of the last runs are told.
const RUNS_TOLD: usize = 5;

/// A cluster beside what it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterStatus {
    /// Its name.
    pub cluster: String,
    /// Whether `apply` would find nothing to do.
    pub as_desired: bool,
    /// Its identity: the digest of its CA's public key.
    pub authority: Option<String>,
    /// The Kubernetes that it should run.
    pub version: String,
    /// Its API.
    pub api: ApiStatus,
    /// Its machines, control planes first, then those that leave.
    pub machines: Vec<MachineStatus>,
    /// etcd's members; empty where nobody could tell.
    pub etcd: Vec<MemberStatus>,
    /// Its applications, in the order they are launched.
    pub applications: Vec<ApplicationStatus>,
    /// Pods of the system that are waited for, as `namespace/name: why`.
    pub waiting_pods: Vec<String>,
    /// What is not as it should be in the cluster as a whole.
    pub drift: Vec<String>,
    /// Who changes it now, if somebody does.
    pub locked_by: Option<String>,
    /// The last runs that changed it, the newest first.
    pub runs: Vec<RunStatus>,
}

/// The Kubernetes API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ApiStatus {
    /// It answers.
    Answers {
        /// Its version.
        version: String,
    },
    /// There should be one, and none answers.
    Silent {
        /// Why.
        problem: Problem,
    },
    /// No control plane was made yet.
    None,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MachineStatus {
    /// How the operator calls it.
    pub name: String,
    /// Where the others reach it.
    pub address: String,
    /// What it should be: `control plane` or `worker`.
    pub role: String,
    /// `ready`, `not ready`, `cordoned`, `no member`, `silent`; `leaving` when it is on its way out.
    pub state: String,
    /// The name of its Node.
    pub node: Option<String>,
    /// Its kubelet's version.
    pub kubelet: Option<String>,
    /// The states of the units that make it a member.
    pub units: BTreeMap<String, String>,
    /// What is not as it should be, each in a few words.
    pub drift: Vec<String>,
    /// Its certificates, the one that ends first at the top.
    pub certificates: Vec<CertificateStatus>,
    /// Proofs that what nobody can see into was done there: images' scripts and commands.
    pub receipts: Vec<ReceiptStatus>,
}

/// The receipt of a piece of work whose postconditions held when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptStatus {
    /// The work: `prepare` is the image's `init`, `registry` its `init-registry`, `commands` those of its rootfs.
    pub work: String,
    /// The digest of script, variables and image.
    pub digest: String,
    /// When it was written, RFC 3339; older ones do not say.
    pub written: Option<String>,
}

/// A certificate of Kubernetes on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateStatus {
    /// What it is for, as kubeadm calls it.
    pub name: String,
    /// When it ends, RFC 3339.
    pub expires: String,
    /// Whole days until then; negative when it has ended.
    pub days: i64,
}

/// A member of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberStatus {
    /// Its name; empty before its first start.
    pub name: String,
    /// Where the other members reach it.
    pub peer_urls: Vec<String>,
    /// Whether it answers.
    pub healthy: bool,
    /// Whether it has no vote yet.
    pub learner: bool,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApplicationStatus {
    /// Its image.
    pub image: String,
    /// The image's manifest.
    pub digest: String,
    /// `launched`, `changed` when it was launched otherwise, `not launched`, `unknown`; `leaving` when it is on its way out.
    pub state: String,
    /// What was launched, where that is another image than the one that is wanted.
    pub launched_digest: Option<String>,
    /// When it was launched, RFC 3339.
    pub launched: Option<String>,
    /// The run that launched it.
    pub run: Option<String>,
    /// The control plane where its commands ran.
    pub machine: Option<String>,
}

/// A run that changed the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStatus {
    /// Its id.
    pub run: String,
    /// What it was for.
    pub command: String,
    /// By whom: `user@host`.
    pub by: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// `done`, `partial`, `failed` or `interrupted`.
    pub outcome: String,
}

/// What a status is made from.
pub(super) struct Sources<'a> {
    pub(super) desired: &'a Desired,
    pub(super) state: &'a State,
    pub(super) authority: Option<Digest>,
    pub(super) observed: &'a Observed,
    /// What `apply` would do, or why it would be refused.
    pub(super) plan: Result<Plan, Problems>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Holds what was seen against what is desired.
pub(super) fn status(sources: &Sources<'_>) -> ClusterStatus {
    let Sources { desired, state, authority, observed, plan, now } = sources;
    let api = observed.api();
    let staying = desired.cluster.machines.iter().map(|spec| machine(sources, spec, None));
    let leaving = desired.leaving.iter().map(|spec| machine(sources, spec, Some("leaving")));
    let version = desired.version().map(ToString::to_string).unwrap_or_default();
    ClusterStatus {
        cluster: desired.cluster.name.clone(),
        as_desired: plan.as_ref().is_ok_and(|plan| plan.is_empty() && plan.set_aside.is_empty())
            && drift::ended(observed, *now).is_none(),
        authority: authority.as_ref().map(ToString::to_string),
        version,
        api: match &observed.api {
            Some(Seen::Known(api)) => ApiStatus::Answers { version: api.version.clone() },
            Some(Seen::Unknown(problem)) => ApiStatus::Silent { problem: problem.clone() },
            None => ApiStatus::None,
        },
        machines: staying.chain(leaving).collect(),
        etcd: api.map(members).unwrap_or_default(),
        applications: applications(desired, observed),
        waiting_pods: api.map(|api| api.waiting_pods.clone()).unwrap_or_default(),
        drift: drift::of_cluster(plan),
        locked_by: api.and_then(|api| api.holder.as_ref()).map(ToString::to_string),
        runs: state.history.runs().iter().rev().take(RUNS_TOLD).map(run).collect(),
    }
}

fn machine(sources: &Sources<'_>, spec: &MachineSpec, leaving: Option<&str>) -> MachineStatus {
    let facts = sources.observed.facts(&spec.name);
    let node = node(sources.observed, spec);
    let state = match (leaving, facts, node) {
        (Some(leaving), ..) => leaving,
        (None, None, _) => "silent",
        (None, Some(_), None) => "no member",
        (None, Some(_), Some(node)) if !node.ready => "not ready",
        (None, Some(_), Some(node)) if node.cordoned => "cordoned",
        (None, Some(_), Some(_)) => "ready",
    };
    let mut certificates: Vec<CertificateStatus> = facts
        .iter()
        .flat_map(|facts| &facts.certificates)
        .map(|one| CertificateStatus {
            name: one.name.clone(),
            expires: jiff::Timestamp::from_second(one.expires).map(|at| at.to_string()).unwrap_or_default(),
            days: (one.expires - sources.now).div_euclid(24 * 60 * 60),
        })
        .collect();
    certificates.sort_by_key(|one| one.days);
    MachineStatus {
        name: spec.name.to_string(),
        address: spec.address.to_string(),
        role: spec.role.to_string(),
        state: state.to_owned(),
        node: node.map(|node| node.name.clone()),
        kubelet: node.map(|node| node.version.clone()),
        units: facts
            .iter()
            .flat_map(|facts| &facts.units)
            .map(|(unit, state)| (unit.clone(), state.active.clone()))
            .collect(),
        drift: drift::of_machine(sources, spec, facts, node),
        certificates,
        receipts: facts.iter().flat_map(|facts| &facts.holdings.receipts).map(receipt).collect(),
    }
}

fn receipt((work, receipt): (&String, &Receipt)) -> ReceiptStatus {
    ReceiptStatus { work: work.clone(), digest: receipt.digest.to_string(), written: receipt.written.clone() }
}

/// Finds a machine's Node: by its machine-id, or by its address while it does not answer.
fn node<'a>(observed: &'a Observed, spec: &MachineSpec) -> Option<&'a NodeFacts> {
    let nodes = &observed.api()?.nodes;
    match observed.facts(&spec.name) {
        Some(facts) => nodes.iter().find(|node| node.machine_id == facts.machine_id),
        None => nodes.iter().find(|node| node.addresses.contains(&spec.address)),
    }
}

fn members(api: &ApiFacts) -> Vec<MemberStatus> {
    let member = |member: &EtcdMember| MemberStatus {
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        healthy: member.healthy,
        learner: member.learner,
    };
    api.etcd.iter().map(member).collect()
}

fn applications(desired: &Desired, observed: &Observed) -> Vec<ApplicationStatus> {
    let launched = |image: &ImageContract| observed.api().and_then(|api| api.applications.get(&image.name));
    let status = |image: &ImageContract, state: &str| {
        let entry = launched(image);
        let manifest = entry.and_then(|entry| entry.manifest.as_ref());
        ApplicationStatus {
            image: image.name.clone(),
            digest: image.manifest.to_string(),
            state: state.to_owned(),
            launched_digest: manifest.filter(|other| **other != image.manifest).map(ToString::to_string),
            launched: entry.and_then(|entry| entry.at.clone()),
            run: entry.and_then(|entry| entry.run.clone()),
            machine: entry.and_then(|entry| entry.machine.as_ref()).map(ToString::to_string),
        }
    };
    let state = |image: &ImageContract| match (observed.api(), launched(image)) {
        (None, _) => "unknown",
        (Some(_), Some(entry)) if entry.digest == plan::launched(desired, image) => "launched",
        (Some(_), Some(_)) => "changed",
        (Some(_), None) => "not launched",
    };
    let staying = desired.applications().map(|image| status(image, state(image)));
    let leaving = desired.parting.iter().filter(|image| launched(image).is_some());
    staying.chain(leaving.map(|image| status(image, "leaving"))).collect()
}

fn run(run: &PastRun) -> RunStatus {
    let outcome = match run.outcome {
        RunOutcome::Done => "done",
        RunOutcome::Partial => "partial",
        RunOutcome::Failed => "failed",
        RunOutcome::Interrupted => "interrupted",
    };
    RunStatus {
        run: run.run.clone(),
        command: run.command.clone(),
        by: run.by.clone(),
        ended: run.ended.clone(),
        outcome: outcome.to_owned(),
    }
}
