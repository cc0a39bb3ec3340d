//! What is not as it should be, said in a few words.

use super::view::Sources;
use crate::error::Problems;
use crate::model::{
    CertificateFacts, MachineFacts, MachineSpec, NodeFacts, Observed, RegistryStyle, Role, Seen,
};
use crate::plan::{Desired, Plan};

/// The units of every machine, and the one that control planes have beside them.
const UNITS: [&str; 3] = ["containerd.service", "kubelet.service", "sealift-care.service"];
const UNIT_OF_CONTROL_PLANES: &str = "registry.service";

/// Returns what is not as it should be in the cluster as a whole: why it cannot be planned, or what `apply` would do there.
pub(super) fn of_cluster(plan: &Result<Plan, Problems>) -> Vec<String> {
    match plan {
        Err(problems) => problems.list().iter().map(ToString::to_string).collect(),
        Ok(plan) => {
            let whole = plan.steps.iter().filter(|step| step.machine.is_none());
            let mut reasons: Vec<String> = whole.map(|step| step.reason.clone()).collect();
            reasons.dedup();
            reasons
        }
    }
}

/// Returns what is not as it should be on one machine.
pub(super) fn of_machine(
    sources: &Sources<'_>,
    spec: &MachineSpec,
    facts: Option<&MachineFacts>,
    node: Option<&NodeFacts>,
) -> Vec<String> {
    let mut drift = Vec::new();
    match (facts, sources.observed.machines.get(&spec.name)) {
        (Some(facts), _) => {
            drift.extend(units(sources.desired, spec, facts));
            drift.extend(facts.certificates.iter().filter(|one| one.expires <= sources.now).map(has_ended));
        }
        (None, Some(Seen::Unknown(problem))) => drift.push(format!("does not answer: {}", problem.message)),
        (None, _) => drift.push("does not answer".to_owned()),
    }
    if let Some(node) = node {
        drift.extend(wishes(spec, node));
        drift.extend(version(sources, node));
    }
    // What apply would do beside that, as far as it was not said yet.
    if let Ok(plan) = &sources.plan {
        let here = plan.steps.iter().filter(|step| step.machine.as_ref() == Some(&spec.name));
        for step in here {
            if !drift.contains(&step.reason) {
                drift.push(step.reason.clone());
            }
        }
    }
    drift
}

/// Returns a certificate that has ended, of any machine.
pub(super) fn ended(observed: &Observed, now: i64) -> Option<&CertificateFacts> {
    let facts = observed.machines.values().filter_map(Seen::known);
    facts.flat_map(|facts| &facts.certificates).find(|one| one.expires <= now)
}

fn has_ended(certificate: &CertificateFacts) -> String {
    format!("its certificate {} has ended", certificate.name)
}

/// Units that do not run on a machine that was made a member.
fn units<'a>(
    desired: &Desired,
    spec: &MachineSpec,
    facts: &'a MachineFacts,
) -> impl Iterator<Item = String> + use<'a> {
    let is_unit = desired.registry_style() == RegistryStyle::Unit;
    let is_own = desired.cluster.registry.external().is_none();
    let serves = spec.role == Role::ControlPlane && is_own && is_unit;
    let of_role = serves.then_some(UNIT_OF_CONTROL_PLANES);
    let units = UNITS.into_iter().chain(of_role).filter(|_| facts.joined);
    units.filter(|unit| !facts.runs(unit)).map(|unit| match facts.units.get(unit) {
        Some(state) => format!("{unit} is {}", state.active),
        None => format!("{unit} is missing"),
    })
}

/// Labels and taints that are wished and not there.
fn wishes(spec: &MachineSpec, node: &NodeFacts) -> Vec<String> {
    let mut drift = Vec::new();
    for (key, wanted) in &spec.node.labels {
        match node.labels.get(key) {
            Some(value) if value == wanted => {}
            Some(value) => drift.push(format!("label {key} is `{value}`, not `{wanted}`")),
            None => drift.push(format!("label {key} is missing")),
        }
    }
    let missing = spec.node.taints.iter().filter(|taint| !node.taints.contains(taint));
    drift.extend(missing.map(|taint| format!("taint {taint} is missing")));
    drift
}

fn version(sources: &Sources<'_>, node: &NodeFacts) -> Option<String> {
    let wanted = sources.desired.version().ok()?.to_string();
    (node.version != wanted).then(|| format!("its kubelet is {}, not {wanted}", node.version))
}
