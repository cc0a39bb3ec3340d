//! A cluster's definition fetched from the cluster, where nothing of it is kept here, or something that is older.

use std::time::Duration;

use crate::cluster::Fleet;
use crate::error::{Class, Problem, Result};
use crate::model::{MachineName, MachineSpec, Marker, Observed, Role};
use crate::steps::State;
use crate::wire::TakeState;

/// How long a control plane may take to tell what is kept of the cluster.
const NEWS_DEADLINE: Duration = Duration::from_secs(10);

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
        match kept_by(fleet, machine).await {
            Ok(Some(text)) => return read(&text, marker).map(Some),
            Ok(None) => {}
            Err(problem) => silent = Some(problem),
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

/// Asks a machine for what its cluster keeps of itself; a worker has nothing to give.
pub(super) async fn kept_by(fleet: &Fleet, machine: &MachineName) -> Result<Option<String>> {
    let asked = async { fleet.agent(machine).await?.ask(TakeState {}).await };
    asked.await.map_err(|problem| problem.on(machine))
}

/// Returns what the cluster keeps of itself, if somebody changed it from elsewhere since `known` was kept here, and it is
/// defined otherwise now. An API that does not answer has no news.
pub(super) async fn news(fleet: &Fleet, known: &State, observed: &Observed) -> Option<State> {
    let ours = known.definition();
    // While credentials change, two may have given the same name to others.
    if observed.api()?.definition.as_ref() == Some(&ours) && known.registry.former.is_none() {
        return None;
    }
    let serve = |machine: &&MachineSpec| observed.facts(&machine.name).is_some_and(|facts| facts.api_ready);
    for machine in known.cluster.with_role(Role::ControlPlane).filter(serve) {
        let asked = kept_by(fleet, &machine.name);
        let Ok(Ok(Some(text))) = tokio::time::timeout(NEWS_DEADLINE, asked).await else { continue };
        let theirs = State::from_json(&text).ok()?;
        let is_another = theirs.definition() != ours || theirs.registry != known.registry;
        return (is_another && theirs.goes_on_from(known)).then(|| with_login_of(theirs, known));
    }
    None
}

/// Everybody logs in their own way.
pub(super) fn with_login_of(theirs: State, known: &State) -> State {
    let mut state = State { login: known.login.clone(), ..theirs };
    for machine in state.cluster.machines.iter_mut().chain(&mut state.leaving) {
        let own = known.cluster.machines.iter().chain(&known.leaving).find(|own| own.name == machine.name);
        if let Some(own) = own {
            machine.login = own.login.clone();
            machine.ssh = own.ssh.clone();
        }
    }
    state
}

/// Says that what is kept here is older than what the cluster keeps.
pub(super) fn outdated(theirs: &State) -> Problem {
    let from = theirs.cluster.with_role(Role::ControlPlane).next().map(|machine| machine.ssh.to_string());
    let problem = Problem::new(
        Class::Outdated,
        "the cluster was changed from elsewhere, and what is kept here is older",
    );
    let problem = match theirs.history.runs().last() {
        Some(run) => problem.saw(format!("`{}` by {}, ended {}", run.command, run.by, run.ended)),
        None => problem,
    };
    problem
        .remedy(format!(
            "fetch what it is now: sealift get --from {}",
            from.unwrap_or_else(|| "HOST".to_owned())
        ))
        .remedy("or apply the Clusterfile that says what it should be; nothing was changed")
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
