//! A cluster's definition fetched from the cluster, where nothing of it is kept here.

use crate::cluster::Fleet;
use crate::error::{Class, Problem, Result};
use crate::model::{Marker, Observed, Role};
use crate::steps::State;
use crate::wire::TakeState;

/// Returns what the cluster `name` keeps of itself, if machines that were looked at belong to it.
///
/// # Errors
/// Class `Kubernetes` when they do and its API does not give it.
pub(super) async fn state(fleet: &Fleet, name: &str, observed: &Observed) -> Result<Option<State>> {
    let mut silent = None;
    for machine in observed.machines.keys() {
        let Some(facts) = observed.facts(machine) else { continue };
        let Some(marker) = facts.marker.as_ref().filter(|marker| marker.cluster == name) else { continue };
        // Before there is a CA nothing can be kept in a cluster.
        if marker.role != Role::ControlPlane || marker.authority.is_none() {
            continue;
        }
        let asked = async { fleet.agent(machine).await?.ask(TakeState {}).await };
        match asked.await {
            Ok(Some(text)) => return read(&text, marker).map(Some),
            Ok(None) => {}
            Err(problem) => silent = Some(problem.on(machine)),
        }
    }
    match silent {
        None => Ok(None),
        Some(problem) => Err(Problem::new(
            Class::Kubernetes,
            "nothing of the cluster is kept here, and its API does not give what it keeps of itself",
        )
        .saw(problem)
        .remedy("run the command where the cluster was made, or bring a control plane back first")),
    }
}

/// Reads what a machine with this marker gave, which must be of the same cluster.
pub(super) fn read(text: &str, marker: &Marker) -> Result<State> {
    let state = State::from_json(text)?;
    let same = state.cluster.name == marker.cluster
        && (state.authority.is_none() || state.authority == marker.authority);
    if same {
        return Ok(State { authority: marker.authority.clone(), ..state });
    }
    Err(Problem::new(Class::Refused, "what the API keeps is of another cluster than the machine")
        .saw(format!("the machine is of `{}`, the API of `{}`", marker.cluster, state.cluster.name)))
}
