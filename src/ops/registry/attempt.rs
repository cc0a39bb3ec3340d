//! Whether every machine reaches an external registry, knows its certificate and is let in, before anything pulls from it.

use futures_util::future::join_all;

use crate::cluster::Fleet;
use crate::error::Problem;
use crate::model::{MachineSpec, Observed};
use crate::plan::{self, Desired, Preflight};
use crate::wire::TryRegistry;

/// Lets every machine try. Where one is not ready to pull yet, a failure stops the run; where it pulls already, it is told.
pub(in crate::ops) async fn try_it(
    fleet: &Fleet,
    desired: &Desired,
    observed: &Observed,
    found: &mut Preflight,
) {
    if desired.cluster.registry.external().is_none() {
        return;
    }
    let answering = desired.cluster.machines.iter().filter(|machine| observed.facts(&machine.name).is_some());
    for (machine, problem) in join_all(answering.map(|machine| attempt(fleet, desired, machine))).await {
        let Some(problem) = problem else { continue };
        if pulls(desired, observed, machine) {
            found.warnings.push(problem);
        } else {
            found.problems.push(problem);
        }
    }
}

async fn attempt<'a>(
    fleet: &Fleet,
    desired: &Desired,
    machine: &'a MachineSpec,
) -> (&'a MachineSpec, Option<Problem>) {
    let order = TryRegistry { door: desired.door(machine) };
    let tried = async { fleet.agent(&machine.name).await?.ask(order).await };
    (machine, tried.await.err().map(|problem| problem.on(&machine.name).during("the external registry")))
}

/// Tells whether a machine is made ready to pull as is wished.
fn pulls(desired: &Desired, observed: &Observed, machine: &MachineSpec) -> bool {
    observed.facts(&machine.name).is_some_and(|facts| {
        let prepared = facts.holdings.receipts.get("prepare").map(|receipt| &receipt.digest);
        prepared == Some(&plan::prepared(desired, machine, facts))
    })
}
