//! The order in which a whole cluster is removed.

use super::desired::{Desired, Origin};
use super::hooks;
use super::step::{Action, Plan, PlanBuilder};
use crate::model::{HookPhase, MachineSpec, Observed, Role};

/// What becomes of the cluster's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// It stays with the operator: `reset`.
    Kept,
    /// It goes too: `delete`.
    Forgotten,
}

/// What a hook that fails is to what would come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedHooks {
    /// Nothing is cleaned after one that should come before.
    Stop,
    /// It is passed over: the operator gives up what it was for.
    PassOver,
}

/// Plans the removal: workers first, then control planes, then what the operator and the provider have.
///
/// Machines that a provider made are removed whole, so they are not cleaned first.
pub fn remove(desired: &Desired, observed: &Observed, definition: Definition, failed: FailedHooks) -> Plan {
    let mut plan = PlanBuilder::new(desired, observed);
    let throw_away = desired.origin == Origin::Made && definition == Definition::Forgotten;
    let left = if throw_away {
        vec![plan.add(None, Action::RemoveMachines, "sealift made them for this cluster", None)]
    } else {
        clean_all(&mut plan, desired, observed, failed)
    };
    if definition == Definition::Forgotten {
        plan.add(None, Action::ForgetCluster, "the cluster is gone then", left);
    }
    plan.finish()
}

/// Plans that all machines which are ours become nobody's. Returns the steps that let go of them.
fn clean_all(
    plan: &mut PlanBuilder,
    desired: &Desired,
    observed: &Observed,
    failed: FailedHooks,
) -> Vec<usize> {
    let all = desired.cluster.machines.iter().chain(&desired.leaving);
    let ours =
        all.filter(|machine| observed.facts(&machine.name).is_some_and(|facts| facts.marker.is_some()));
    let (workers, control_planes): (Vec<_>, Vec<_>) =
        ours.partition(|machine: &&MachineSpec| machine.role == Role::Worker);
    // What comes before comes first, on all machines: it may want the API, or what another machine holds.
    let mut before = Vec::new();
    for machine in workers.iter().chain(&control_planes) {
        let facts = observed.facts(&machine.name);
        let hooks = hooks::of_leaving(desired, machine, facts, HookPhase::BeforeClean);
        before.extend(hooks::all(plan, desired, machine, hooks, None));
    }
    let mut left = Vec::new();
    for machine in &workers {
        left.push(clean(plan, desired, observed, machine, failed, &before).leave);
    }
    let gone = left.clone();
    for machine in &control_planes {
        let parting = clean(plan, desired, observed, machine, failed, &before);
        // It goes when the workers are done, however that went: they may need its API to go well.
        plan.follow(Some(parting.clean), gone.clone());
        left.push(parting.leave);
    }
    left
}

/// The steps by which a machine becomes nobody's.
struct Parting {
    clean: usize,
    leave: usize,
}

fn clean(
    plan: &mut PlanBuilder,
    desired: &Desired,
    observed: &Observed,
    machine: &MachineSpec,
    failed: FailedHooks,
    before: &[usize],
) -> Parting {
    let name = Some(&machine.name);
    let needed = |steps: &[usize]| if failed == FailedHooks::Stop { steps.to_vec() } else { vec![] };
    let clean = plan.add(name, Action::Clean, "it belongs to the cluster", needed(before));
    plan.follow(Some(clean), before.to_vec());
    let facts = observed.facts(&machine.name);
    let after = hooks::of_leaving(desired, machine, facts, HookPhase::AfterClean);
    let after: Vec<usize> = hooks::all(plan, desired, machine, after, Some(clean)).into_iter().collect();
    let needs = std::iter::once(clean).chain(needed(&after));
    let leave = plan.add(name, Action::Leave, "nothing of ours may stay", needs);
    plan.follow(Some(leave), after);
    Parting { clean, leave }
}
