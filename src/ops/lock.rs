//! The cluster's lock around everything that changes something: taken after the plan is confirmed, given back at the end.

use tokio_util::sync::CancellationToken;

use super::context::Context;
use crate::cluster::{Keepers, Lock};
use crate::error::{Class, Problem, Result};
use crate::model::{Holder, MachineSpec, Role};
use crate::steps::Site;

/// A lock that is held, and what is stopped when it is lost.
pub(super) struct Locked {
    lock: Lock,
    /// Cancelled when the operator stops the run, and when the lock is lost.
    pub(super) stop: CancellationToken,
}

/// Takes the cluster's lock for a run that does `what`.
///
/// # Errors
/// Class `Busy` with who has it; `Interrupted` when the operator does not wait any longer.
pub(super) async fn take(context: &Context, site: &Site, what: &str) -> Result<Locked> {
    let stop = context.stop.child_token();
    let waiting = |holder: &Holder| context.reporter.note(&format!("waiting for {holder}"));
    let taken = Lock::take(
        &site.fleet,
        keepers(site),
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

/// Returns who keeps the lock: of the machines that answered, those that are or become control planes, and of these
/// those through which the API answered.
fn keepers(site: &Site) -> Keepers {
    let (observed, desired) = (&site.observed, &site.desired);
    let machines = desired.cluster.machines.iter().chain(&desired.leaving);
    let answered = machines.filter_map(|machine| Some((machine, observed.facts(&machine.name)?)));
    let mut keepers = Keepers { control_planes: [].into(), api: [].into(), others: [].into(), newest: 0 };
    for (machine, facts) in answered {
        keepers.newest = keepers.newest.max(facts.marker.as_ref().map_or(0, |marker| marker.epoch));
        if is_control_plane(machine) {
            keepers.control_planes.insert(machine.name.clone());
            if facts.api_ready && observed.api().is_some() {
                keepers.api.insert(machine.name.clone());
            }
        } else if facts.marker.is_some() {
            keepers.others.insert(machine.name.clone());
        }
    }
    keepers
}

fn is_control_plane(machine: &MachineSpec) -> bool {
    machine.role == Role::ControlPlane
}
