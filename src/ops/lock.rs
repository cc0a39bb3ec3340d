//! The cluster's lock around everything that changes something: taken after the plan is confirmed, given back at the end.

use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::execute::Proposal;
use crate::cluster::{Keepers, Lock};
use crate::error::{Class, Problem, Result};
use crate::model::{Holder, MachineFacts, MachineSpec, Role};
use crate::plan::{Action, PlannedStep};
use crate::steps::Site;

/// A lock that is held, and what is stopped when it is lost.
pub(super) struct Locked {
    lock: Lock,
    /// Cancelled when the operator stops the run, and when the lock is lost.
    pub(super) stop: CancellationToken,
}

/// Takes the cluster's lock for what is proposed.
///
/// # Errors
/// Class `Busy` with who has it; `Interrupted` when the operator does not wait any longer.
pub(super) async fn take(context: &Context, proposal: &Proposal) -> Result<Locked> {
    take_for(context, &proposal.site, &proposal.purpose.title, &proposal.plan.steps).await
}

/// Takes the cluster's lock for a run that does `what`, with these steps of a plan.
///
/// # Errors
/// As [`take`].
pub(super) async fn take_for(
    context: &Context,
    site: &Site,
    what: &str,
    steps: &[PlannedStep],
) -> Result<Locked> {
    let stop = context.stop.child_token();
    let waiting = |holder: &Holder| context.reporter.note(&format!("waiting for {holder}"));
    let taken = Lock::take(
        &site.fleet,
        keepers(site, steps),
        holder(context, what),
        context.pace.patience,
        &waiting,
        stop.clone(),
    );
    tokio::select! {
        lock = taken => Ok(Locked { lock: lock?, stop }),
        () = context.stop.cancelled() => {
            Err(Problem::new(Class::Interrupted, "stopped by the operator; nothing was changed"))
        }
    }
}

impl Locked {
    /// Gives the lock back and returns how it was lost, if it was.
    pub(super) async fn release(self, site: &Site) -> Option<Problem> {
        self.lock.release().await;
        site.fleet.tenure().lost()
    }
}

fn holder(context: &Context, what: &str) -> Holder {
    Holder {
        user: context.operator.user.clone(),
        host: context.operator.host.clone(),
        process: context.operator.process,
        address: None,
        run: context.run.clone(),
        command: what.to_owned(),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

/// Returns who keeps the lock: of the machines that answered, the control planes that are the cluster's or become so, and of
/// these those through which the API answered. Where none of them is left, the cluster's other machines keep it.
///
/// A control plane that has left already keeps none: nobody would take the lock's files away there.
fn keepers(site: &Site, steps: &[PlannedStep]) -> Keepers {
    let (observed, desired) = (&site.observed, &site.desired);
    let takes_part = |(machine, facts): &(&MachineSpec, &MachineFacts)| {
        facts.marker.is_some() || is_claimed(machine, steps)
    };
    let all = desired.cluster.machines.iter().chain(&desired.leaving);
    let answered = all.filter_map(|machine| Some((machine, observed.facts(&machine.name)?)));
    let mut keepers = Keepers::default();
    for (machine, facts) in answered.filter(takes_part) {
        keepers.newest = keepers.newest.max(facts.marker.as_ref().map_or(0, |marker| marker.epoch));
        if machine.role == Role::ControlPlane {
            keepers.locked.insert(machine.name.clone());
            if facts.api_ready && observed.api().is_some() {
                keepers.api.insert(machine.name.clone());
            }
        } else if facts.marker.is_some() {
            keepers.others.insert(machine.name.clone());
        }
    }
    if keepers.locked.is_empty() {
        keepers.locked = std::mem::take(&mut keepers.others);
    }
    keepers
}

fn is_claimed(machine: &MachineSpec, steps: &[PlannedStep]) -> bool {
    steps.iter().any(|step| step.action == Action::Claim && step.machine.as_ref() == Some(&machine.name))
}
