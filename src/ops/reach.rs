//! Whether the machines reach the ports they will need of each other, before there is anything on those ports.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::cluster::Fleet;
use crate::error::{Class, Problem, Result};
use crate::model::{MachineSpec, Observed, Role};
use crate::plan;
use crate::wire::{HoldPorts, Note, ReachPorts};

/// Lets machines that are not members yet listen, and lets every machine try the ports it will need.
pub(super) async fn check(fleet: &Fleet, machines: &[MachineSpec], observed: &Observed) -> Vec<Problem> {
    let answers = |machine: &&MachineSpec| observed.facts(&machine.name).is_some();
    let machines: Vec<&MachineSpec> = machines.iter().filter(answers).collect();
    let is_new =
        |machine: &&MachineSpec| observed.facts(&machine.name).is_some_and(|facts| facts.marker.is_none());
    let new: Vec<&MachineSpec> = machines.iter().copied().filter(is_new).collect();
    if new.is_empty() || machines.len() < 2 {
        return vec![];
    }
    let (holding, ready): (Vec<_>, Vec<_>) = new.iter().map(|machine| hold(fleet, machine)).unzip();
    let tries = async {
        for listening in ready {
            // An agent that cannot listen shows when its ports are tried.
            let _ = listening.await;
        }
        join_all(machines.iter().map(|machine| reach(fleet, machine, &new))).await
    };
    // The listening ends when it is dropped.
    let outcomes = tokio::select! {
        outcomes = tries => outcomes,
        () = async { join_all(holding).await; std::future::pending::<()>().await } => vec![],
    };
    outcomes.into_iter().flatten().collect()
}

type Ready = oneshot::Receiver<()>;

fn hold<'a>(fleet: &'a Fleet, machine: &'a MachineSpec) -> (impl Future<Output = Result<()>> + 'a, Ready) {
    let (ready, listening) = oneshot::channel();
    let holding = async move {
        let mut ready = Some(ready);
        let hear = |_: Note| {
            if let Some(ready) = ready.take() {
                let _ = ready.send(());
            }
        };
        let order = HoldPorts { ports: plan::ports(machine.role).to_vec() };
        fleet.agent(&machine.name).await?.ask_hearing(order, hear).await.map(drop)
    };
    (holding, listening)
}

async fn reach(fleet: &Fleet, machine: &MachineSpec, new: &[&MachineSpec]) -> Vec<Problem> {
    let targets: Vec<SocketAddr> = new
        .iter()
        .filter(|other| other.name != machine.name)
        .flat_map(|other| needed(machine, other).iter().map(|port| SocketAddr::new(other.address, *port)))
        .collect();
    if targets.is_empty() {
        return vec![];
    }
    let asked: Result<BTreeMap<SocketAddr, String>> =
        async { fleet.agent(&machine.name).await?.ask(ReachPorts { targets }).await }.await;
    let unreached = match asked {
        Ok(unreached) => unreached,
        Err(problem) => return vec![problem.on(&machine.name)],
    };
    unreached
        .into_iter()
        .map(|(target, why)| {
            Problem::new(Class::Machine, format!("it does not reach {target}"))
                .on(&machine.name)
                .during("ports between machines")
                .saw(why)
                .remedy(format!(
                    "let {} through to TCP port {} of {}, in every firewall between",
                    machine.name,
                    target.port(),
                    target.ip()
                ))
        })
        .collect()
}

/// Returns the ports of `other` that `machine` will need: API and registry of every control plane, etcd among
/// control planes, kubelet from control planes.
fn needed(machine: &MachineSpec, other: &MachineSpec) -> &'static [u16] {
    match (machine.role, other.role) {
        (Role::ControlPlane, Role::ControlPlane) => &[6443, 2379, 2380, 10250, 5443],
        (Role::ControlPlane, Role::Worker) => &[10250],
        (Role::Worker, Role::ControlPlane) => &[6443, 5443],
        (Role::Worker, Role::Worker) => &[],
    }
}
