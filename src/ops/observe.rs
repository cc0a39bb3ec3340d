//! Looking: every machine at once, then the API through one that has it. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::resolve::Foreseen;
use crate::cluster::Fleet;
use crate::error::{Class, Problem, Result};
use crate::model::{
    ApiFacts, Arch, Digest, Kubeconfig, MachineFacts, MachineName, MachineSpec, Observed, Role, Seen,
};
use crate::plan::{self, Desired};
use crate::steps::State;
use crate::wire::{Look, LookAtApi, Measure};

/// How long a machine may take to connect, start its agent and tell its facts.
const DEADLINE: Duration = Duration::from_mins(1);

/// What was seen, and when by this machine's clock, milliseconds since 1970.
pub(super) struct Sight {
    pub(super) observed: Observed,
    pub(super) clocks: BTreeMap<String, i64>,
}

/// Looks at all machines, also those that leave, and the API.
pub(super) async fn observe(fleet: &Fleet, desired: &Desired) -> Sight {
    let machines: Vec<&MachineSpec> = desired.cluster.machines.iter().chain(&desired.leaving).collect();
    let (found, members) = mpsc::unbounded_channel();
    let looks = machines.iter().map(|machine| {
        let found = found.clone();
        async move {
            let look = look(fleet, machine, desired).await;
            if has_api(machine, &look.0) {
                // Whoever has an answer already does not listen any more.
                let _ = found.send(machine.name.clone());
            }
            look
        }
    });
    let looks = join_all(looks);
    drop(found);
    let (looks, api) = tokio::join!(looks, look_at_api(fleet, members));
    let mut sight = Sight {
        observed: Observed { machines: BTreeMap::new(), api, kubeconfig: Kubeconfig::Unseen },
        clocks: BTreeMap::new(),
    };
    for (machine, (seen, clock)) in machines.iter().zip(looks) {
        sight.observed.machines.insert(machine.name.clone(), seen);
        sight.clocks.insert(machine.name.0.clone(), clock);
    }
    sight
}

/// Takes machines that are still to be made for what they will be then: fresh ones.
pub(super) fn imagine(observed: &mut Observed, foreseen: &[Foreseen], arch: Arch) {
    for machine in foreseen {
        let facts = plan::foreseen(&machine.hostname, arch);
        observed.machines.insert(machine.name.clone(), Seen::Known(Box::new(facts)));
    }
}

/// Says of machines that are still to be made that there is nothing to see.
pub(super) fn miss(observed: &mut Observed, foreseen: &[Foreseen]) {
    for machine in foreseen {
        let missing = Problem::new(Class::Machine, "it is still to be made").remedy("sealift apply makes it");
        observed.machines.insert(machine.name.clone(), Seen::Unknown(missing));
    }
}

/// Returns what could not be looked at.
pub(super) fn unknown(observed: &Observed) -> Vec<Problem> {
    observed.machines.iter().filter_map(|(name, seen)| silence(name, seen)).collect()
}

fn silence<T>(name: &MachineName, seen: &Seen<T>) -> Option<Problem> {
    match seen {
        Seen::Unknown(problem) => Some(problem.clone().on(name)),
        Seen::Known(_) => None,
    }
}

/// Returns what is wrong with machines that do not answer and never were of the cluster: an address, a key or a password
/// is likelier to be mistaken than a new machine to be dead, so nothing begins without them.
pub(super) fn silent_strangers(
    observed: &Observed,
    last: Option<&State>,
    foreseen: &[Foreseen],
) -> Vec<Problem> {
    let known: BTreeSet<&MachineName> = last
        .iter()
        .flat_map(|state| state.cluster.machines.iter().chain(&state.leaving))
        .map(|machine| &machine.name)
        .chain(foreseen.iter().map(|machine| &machine.name))
        .collect();
    let strangers = observed.machines.iter().filter(|(name, _)| !known.contains(name));
    strangers.filter_map(|(name, seen)| silence(name, seen)).collect()
}

/// Returns the cluster's identity, as it is kept or as its machines agree on it, if any of them knows one.
pub(super) fn authority(state: &State, observed: &Observed) -> Option<Digest> {
    let markers =
        observed.machines.values().filter_map(Seen::known).filter_map(|facts| facts.marker.as_ref());
    let mut ours = markers.filter(|marker| marker.cluster == state.cluster.name);
    state.authority.clone().or_else(|| ours.find_map(|marker| marker.authority.clone()))
}

async fn look(fleet: &Fleet, machine: &MachineSpec, desired: &Desired) -> (Seen<Box<MachineFacts>>, i64) {
    let seen = match tokio::time::timeout(DEADLINE, facts(fleet, machine, desired)).await {
        Ok(Ok(facts)) => Seen::Known(Box::new(facts)),
        Ok(Err(problem)) => Seen::Unknown(problem),
        Err(_) => Seen::Unknown(
            Problem::new(Class::Connection, format!("no facts in {} s", DEADLINE.as_secs()))
                .remedy("look at the machine's load and disk; the same command can be run again"),
        ),
    };
    (seen, jiff::Timestamp::now().as_millisecond())
}

async fn facts(fleet: &Fleet, machine: &MachineSpec, desired: &Desired) -> Result<MachineFacts> {
    let measure = match machine.role {
        Role::ControlPlane => Measure::Fsync,
        Role::Worker => Measure::Nothing,
    };
    let cri_socket = desired.cri_socket().to_owned();
    let look = Look { ports: plan::ports(machine.role).to_vec(), cri_socket, measure };
    fleet.agent(&machine.name).await?.ask(look).await
}

/// Tells whether the API can be asked through this machine.
fn has_api(machine: &MachineSpec, seen: &Seen<Box<MachineFacts>>) -> bool {
    let made = seen.known().is_some_and(|facts| facts.marker.is_some() && facts.joined);
    machine.role == Role::ControlPlane && made
}

/// Asks the API through one control plane after the other, as they come, until one answers.
async fn look_at_api(
    fleet: &Fleet,
    mut members: mpsc::UnboundedReceiver<MachineName>,
) -> Option<Seen<ApiFacts>> {
    let mut last = None;
    while let Some(machine) = members.recv().await {
        let asked = async { fleet.agent(&machine).await?.ask(LookAtApi {}).await };
        match asked.await {
            Ok(facts) => return Some(Seen::Known(facts)),
            Err(problem) => last = Some(Seen::Unknown(problem.on(&machine))),
        }
    }
    last
}
