//! The operator's hooks as steps: which are due on a machine, and why.

use super::desired::Desired;
use super::receipts;
use super::situation::Standing;
use super::step::{Action, PlanBuilder};
use crate::model::{Hook, HookPhase, Intent, MachineFacts, MachineName, MachineSpec};

/// Plans the hooks of a phase on a machine, one after the other and the first of them after `needs`. Those that ran there as
/// they are now are not planned again. Returns the last.
pub(super) fn due(
    plan: &mut PlanBuilder,
    desired: &Desired,
    machine: &Standing<'_>,
    first: &MachineName,
    phase: HookPhase,
    needs: impl IntoIterator<Item = usize>,
) -> Option<usize> {
    let facts = machine.facts?;
    let ran = |hook: &Hook| {
        let receipt = facts.holdings.receipts.get(&format!("hook-{}", hook.name));
        receipt.is_some_and(|receipt| receipt.digest == receipts::hooked(desired, hook, machine.spec, facts))
    };
    let hooks = desired.cluster.hooks.iter().filter(|hook| hook.phase == phase);
    let hooks = hooks.filter(|hook| hook.is_for(machine.spec, machine.spec.name == *first) && !ran(hook));
    let mut needs: Vec<usize> = needs.into_iter().collect();
    let mut last = None;
    for hook in hooks {
        let step = plan.add(Some(&machine.spec.name), action(hook), why(desired, hook), needs.drain(..));
        needs.push(step);
        last = Some(step);
    }
    last
}

/// Plans hooks of one machine, one after the other and the first of them after `before`. Returns the last step of all.
pub(super) fn all<'a>(
    plan: &mut PlanBuilder,
    desired: &Desired,
    machine: &MachineSpec,
    hooks: impl Iterator<Item = &'a Hook>,
    before: Option<usize>,
) -> Option<usize> {
    hooks.fold(before, |last, hook| {
        Some(plan.add(Some(&machine.name), action(hook), why(desired, hook), last))
    })
}

/// Returns the hooks of a phase that are for a machine which leaves: they run as part of that, whenever they ran before.
pub(super) fn leaving<'a>(
    desired: &'a Desired,
    machine: &Standing<'_>,
    phase: HookPhase,
) -> impl Iterator<Item = &'a Hook> {
    of_leaving(desired, machine.spec, machine.facts, phase)
}

/// The same, where all machines leave. On a machine whose cleaning has begun it is too late for what comes before that.
pub(super) fn of_leaving<'a>(
    desired: &'a Desired,
    spec: &MachineSpec,
    facts: Option<&MachineFacts>,
    phase: HookPhase,
) -> impl Iterator<Item = &'a Hook> {
    let first = desired.control_planes().next().is_some_and(|first| first.name == spec.name);
    let hooks = desired.cluster.hooks.iter().filter(move |hook| hook.phase == phase);
    let cleaned = |facts: &MachineFacts| facts.marker.as_ref().is_some_and(|it| it.intent == Intent::Leaving);
    let answers = facts.is_some_and(|facts| phase != HookPhase::BeforeClean || !cleaned(facts));
    let spec = spec.clone();
    hooks.filter(move |hook| answers && hook.is_for(&spec, first))
}

/// Returns the action of a hook.
pub(super) fn action(hook: &Hook) -> Action {
    Action::Hook { hook: hook.name.clone() }
}

/// Says why a hook runs, and where it stands.
pub(super) fn why(desired: &Desired, hook: &Hook) -> String {
    match desired.hook_places.get(&hook.name) {
        Some(place) => format!("{place} wants it {}", hook.phase.name()),
        None => format!("the definition wants it {}", hook.phase.name()),
    }
}
