//! New credentials of the registries: taken beside the former ones before any machine comes with them, and alone once all do.

use super::receipts;
use super::situation::Situation;
use super::step::{Action, PlanBuilder};
use crate::model::{MachineSpec, Role};

/// Plans that registries take both credentials, while former ones are on the way out and a machine is still to get the new
/// ones.
pub(super) fn accept(plan: &mut PlanBuilder, now: &Situation<'_>) -> Option<usize> {
    is_changing(now).then_some(())?;
    let mut machines = now.desired.cluster.machines.iter();
    if !machines.any(|machine| comes_with_former(now, machine)) {
        return None;
    }
    let reason = "machines come with new credentials, one after the other";
    Some(plan.add(None, Action::AcceptCredentials, reason, None))
}

/// Plans that registries refuse the former credentials once the steps `used` have given every machine the new ones. A
/// machine that does not answer still has the former ones, and so do its pods: then they stay.
pub(super) fn withdraw(
    plan: &mut PlanBuilder,
    now: &Situation<'_>,
    used: impl IntoIterator<Item = usize>,
) -> Option<usize> {
    is_changing(now).then_some(())?;
    let mut machines = now.desired.cluster.machines.iter();
    if !machines.all(|machine| now.observed.facts(&machine.name).is_some()) {
        return None;
    }
    let reason = "no machine comes with them any more";
    Some(plan.add(None, Action::WithdrawCredentials, reason, used))
}

/// Both are written down in the cluster, so there has to be one.
fn is_changing(now: &Situation<'_>) -> bool {
    now.desired.registry.former.is_some() && now.api().is_some()
}

/// Tells whether a machine that answers has no receipt for the new credentials, or its registry has none.
fn comes_with_former(now: &Situation<'_>, machine: &MachineSpec) -> bool {
    let Some(facts) = now.observed.facts(&machine.name) else { return false };
    let has = |work: &str, wanted| {
        facts.holdings.receipts.get(work).is_some_and(|receipt| receipt.digest == wanted)
    };
    let is_prepared = has("prepare", receipts::prepared(now.desired, machine, facts));
    let serves =
        machine.role == Role::Worker || has("registry", receipts::registry(now.desired, machine, facts));
    !(is_prepared && serves)
}
