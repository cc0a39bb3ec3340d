//! The order in which a whole cluster is removed.

use super::desired::{Desired, Origin};
use super::hooks;
use super::step::{Action, Plan, PlanBuilder};
use crate::model::{HookPhase, Observed, Role};

/// What becomes of the cluster's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// It stays with the operator: `reset`.
    Kept,
    /// It goes too: `delete`.
    Forgotten,
}

/// Plans the removal: workers first, then control planes, then what the operator and the provider have.
///
/// Machines that a provider made are removed whole, so they are not cleaned first.
pub fn remove(desired: &Desired, observed: &Observed, definition: Definition) -> Plan {
    let mut plan = PlanBuilder::new(desired, observed);
    let mut left = Vec::new();
    let throw_away = desired.origin == Origin::Made && definition == Definition::Forgotten;
    if !throw_away {
        let mut workers = Vec::new();
        for role in [Role::Worker, Role::ControlPlane] {
            let machines = desired.cluster.machines.iter().chain(&desired.leaving);
            for machine in machines.filter(|machine| machine.role == role) {
                let ours = observed.facts(&machine.name).is_some_and(|facts| facts.marker.is_some());
                if !ours {
                    continue;
                }
                let facts = observed.facts(&machine.name);
                let before = hooks::of_leaving(desired, machine, facts, HookPhase::BeforeClean);
                let first = plan.len() + 1;
                let begin = hooks::all(&mut plan, desired, machine, before, None);
                let clean = plan.add(Some(&machine.name), Action::Clean, "it belongs to the cluster", begin);
                if role == Role::ControlPlane {
                    // It goes when the workers are done, however that went: they may need its API to go well.
                    plan.follow(Some(first), workers.clone());
                }
                let after = hooks::of_leaving(desired, machine, facts, HookPhase::AfterClean);
                let cleaned = hooks::all(&mut plan, desired, machine, after, Some(clean));
                let leave = plan.add(Some(&machine.name), Action::Leave, "nothing of ours may stay", cleaned);
                if role == Role::Worker {
                    workers.push(leave);
                }
                left.push(leave);
            }
        }
    }
    if throw_away {
        left.push(plan.add(None, Action::RemoveMachines, "sealift made them for this cluster", None));
    }
    if definition == Definition::Forgotten {
        plan.add(None, Action::ForgetCluster, "the cluster is gone then", left);
    }
    plan.finish()
}
