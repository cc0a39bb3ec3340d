//! New credentials of the registries: taken beside the former ones before any machine comes with them, and alone once all do.

use super::desired::Desired;
use super::receipts;
use super::roster::Roster;
use super::situation::{Possession, Situation, Standing};
use super::step::{Action, PlanBuilder};
use crate::model::{Digest, MachineSpec, Observed, Role};

/// Plans that registries take both credentials, while former ones are on the way out and a machine of this plan is still to
/// get the new ones.
pub(super) fn accept(plan: &mut PlanBuilder, now: &Situation<'_>, roster: &Roster<'_>) -> Option<usize> {
    is_changing(now).then_some(())?;
    if !roster.staying().any(|machine| comes_with_former(now, machine)) {
        return None;
    }
    let reason = "machines come with new credentials, one after the other";
    Some(plan.add(None, Action::AcceptCredentials, reason, None))
}

/// Plans that registries refuse the former credentials once the steps `used` have given every machine the new ones. A
/// machine that is set aside, since it does not answer, say, still has the former ones, and so do its pods: then they stay.
pub(super) fn withdraw(
    plan: &mut PlanBuilder,
    now: &Situation<'_>,
    roster: &Roster<'_>,
    used: impl IntoIterator<Item = usize>,
) -> Option<usize> {
    is_changing(now).then_some(())?;
    if roster.staying().count() < now.desired.cluster.machines.len() {
        return None;
    }
    let reason = "no machine comes with them any more";
    Some(plan.add(None, Action::WithdrawCredentials, reason, used))
}

/// Both are written down in the cluster, so there has to be one.
fn is_changing(now: &Situation<'_>) -> bool {
    now.desired.registry.former.is_some() && now.api().is_some()
}

/// Returns the control planes whose registries serve. Those that leave are among them: as long as their API servers are the
/// cluster's, care leads machines to the registries beside these.
pub fn serving_registries<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
    authority: Option<&'a Digest>,
) -> Vec<&'a MachineSpec> {
    let now = Situation::new(desired, observed, authority);
    let leaving = now.leaving().into_iter().filter(|machine| {
        machine.role == Role::ControlPlane && now.possession(&now.of(machine)) == Possession::Ours
    });
    // One that has no receipt does not serve yet, or not as it should, and is started with all that it has to take.
    let serves = |machine: &&MachineSpec| {
        observed.facts(&machine.name).is_some_and(|facts| facts.holdings.receipts.contains_key("registry"))
    };
    desired.control_planes().chain(leaving).filter(serves).collect()
}

/// Tells whether a machine that answers has no receipt for the new credentials, or its registry has none.
fn comes_with_former(now: &Situation<'_>, machine: &Standing<'_>) -> bool {
    let (Some(facts), machine) = (machine.facts, machine.spec) else { return false };
    let has = |work: &str, wanted| {
        facts.holdings.receipts.get(work).is_some_and(|receipt| receipt.digest == wanted)
    };
    let is_prepared = has("prepare", receipts::prepared(now.desired, machine, facts));
    let serves =
        machine.role == Role::Worker || has("registry", receipts::registry(now.desired, machine, facts));
    !(is_prepared && serves)
}
