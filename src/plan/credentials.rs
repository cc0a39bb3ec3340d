//! New credentials of the registries: taken beside the former ones before any machine comes with them, and alone once all do.

use super::situation::Situation;
use super::step::{Action, PlanBuilder};

/// Plans that registries take both credentials, while former ones are on the way out.
pub(super) fn accept(plan: &mut PlanBuilder, now: &Situation<'_>) -> Option<usize> {
    now.desired.registry.former.as_ref()?;
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
    now.desired.registry.former.as_ref()?;
    let mut machines = now.desired.cluster.machines.iter();
    if !machines.all(|machine| now.observed.facts(&machine.name).is_some()) {
        return None;
    }
    let reason = "no machine comes with them any more";
    Some(plan.add(None, Action::WithdrawCredentials, reason, used))
}
