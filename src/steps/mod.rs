//! One file per kind of step: what it says, how it sees that it is done, how it acts.

mod application;
mod await_ready;
mod claim;
mod clean;
mod commanding;
mod configure_kubelet;
mod configure_node;
mod credentials;
mod delete_node;
mod departing;
mod drain;
mod endpoints;
mod fill_registry;
mod forget;
mod history;
mod hook;
mod init;
mod interrupting;
mod join;
mod keep_state;
mod kubeconfig;
mod launch;
mod lay_out;
mod leave;
mod prepare;
mod push_image;
mod put_back;
mod reconfigure_control_plane;
mod reconfigure_kubelet;
mod reconfigure_proxy;
mod registry;
mod remove_etcd_member;
mod remove_machine;
mod remove_machines;
mod run_commands;
mod send_layers;
mod site;
mod state;
#[cfg(test)]
mod testing;
mod uninstall;
mod upload_configuration;

pub use drain::DrainPolicy;
pub use history::{History, PastRun, RunOutcome, StepCount};
pub use kubeconfig::{
    fetch as fetch_kubeconfig, keep as keep_kubeconfig, look as look_at_kubeconfig, path as kubeconfig_path,
};
pub use push_image::PushImage;
pub use site::{Blobs, Learned, Site};
pub use state::{Applied, Provider, State};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::{Dependency, Graph, Step};
use crate::error::{Class, Problem, Result};
use crate::model::{MachineName, MachineSpec};
use crate::plan::{Action, Disruption, Plan, PlannedStep};

/// Turns a plan into the graph that carries it out.
pub fn graph(plan: &Plan, site: &Arc<Site>) -> Result<Graph> {
    let mut graph = Graph::default();
    let machines = site.desired.by_name();
    let leaving: HashSet<&MachineName> = site.desired.leaving.iter().map(|machine| &machine.name).collect();
    site.learned.departures.begin(plan);
    for planned in &plan.steps {
        let needs = planned.needs.iter().map(|step| Dependency::Needs(*step));
        let follows = planned.follows.iter().map(|step| Dependency::Follows(*step));
        let mut step = step(planned, &machines, site)?;
        if planned.disruption == Disruption::Machine {
            step = Box::new(interrupting::Interrupting(step));
        }
        if let Some(machine) = planned.machine.clone().filter(|name| leaving.contains(name)) {
            step = Box::new(departing::Departing { step, machine, site: site.clone() });
        }
        graph.add(step, needs.chain(follows).collect());
    }
    Ok(graph)
}

/// Returns what the steps of a plan say they do, as their events will.
pub fn titles(plan: &Plan, site: &Arc<Site>) -> Result<Vec<String>> {
    let machines = site.desired.by_name();
    plan.steps.iter().map(|planned| step(planned, &machines, site).map(|step| step.title())).collect()
}

fn step(
    planned: &PlannedStep,
    machines: &HashMap<&MachineName, &MachineSpec>,
    site: &Arc<Site>,
) -> Result<Box<dyn Step>> {
    let site = site.clone();
    let machine = || -> Result<MachineSpec> {
        let name = planned.machine.as_ref();
        let spec = name.and_then(|name| machines.get(name).copied());
        spec.cloned().ok_or_else(|| Problem::new(Class::Internal, "a step of the plan has no machine"))
    };
    Ok(match &planned.action {
        Action::Claim => Box::new(claim::Claim { machine: machine()?, site }),
        Action::SendLayers { layers, bytes } => Box::new(send_layers::SendLayers {
            machine: machine()?,
            layers: layers.clone(),
            bytes: *bytes,
            site,
        }),
        Action::LayOut => Box::new(lay_out::LayOut { machine: machine()?, site }),
        Action::Endpoints => Box::new(endpoints::Endpoints { machine: machine()?, site }),
        Action::Registry => Box::new(registry::Registry { machine: machine()?, site }),
        Action::FillRegistry => Box::new(fill_registry::FillRegistry { machine: machine()?, site }),
        Action::AcceptCredentials => Box::new(credentials::Accept { site }),
        Action::WithdrawCredentials => Box::new(credentials::Withdraw { site }),
        Action::Prepare => Box::new(prepare::Prepare { machine: machine()?, site }),
        Action::Init => Box::new(init::Init { machine: machine()?, site }),
        Action::JoinControlPlane | Action::JoinWorker => Box::new(join::Join { machine: machine()?, site }),
        Action::RunCommands => Box::new(run_commands::RunCommands { machine: machine()?, site }),
        Action::Hook { hook } => Box::new(hook::RunHook::new(machine()?, hook, site)?),
        Action::Launch { image } => {
            Box::new(launch::Launch { machine: machine()?, image: image.clone(), site })
        }
        Action::Uninstall { image } => {
            Box::new(uninstall::Uninstall { machine: machine()?, image: image.clone(), site })
        }
        Action::AwaitReady => Box::new(await_ready::AwaitReady { site }),
        Action::KeepState => Box::new(keep_state::KeepState { site }),
        Action::Kubeconfig => Box::new(kubeconfig::FetchKubeconfig { site }),
        Action::ConfigureNode => Box::new(configure_node::ConfigureNode { machine: machine()?, site }),
        Action::ConfigureKubelet => {
            Box::new(configure_kubelet::ConfigureKubelet { machine: machine()?, site })
        }
        Action::UploadConfiguration { kinds } => {
            Box::new(upload_configuration::UploadConfiguration { kinds: kinds.clone(), site })
        }
        Action::ReconfigureControlPlane { remade } => {
            let remade = remade.clone();
            Box::new(reconfigure_control_plane::ReconfigureControlPlane { machine: machine()?, remade, site })
        }
        Action::ReconfigureKubelet => {
            Box::new(reconfigure_kubelet::ReconfigureKubelet { machine: machine()?, site })
        }
        Action::ReconfigureProxy => Box::new(reconfigure_proxy::ReconfigureProxy { site }),
        Action::PutBack => Box::new(put_back::PutBack { machine: machine()?, site }),
        Action::RemoveEtcdMember => {
            Box::new(remove_etcd_member::RemoveEtcdMember { machine: machine()?, site })
        }
        Action::Drain => Box::new(drain::Drain { machine: machine()?, site }),
        Action::DeleteNode => Box::new(delete_node::DeleteNode { machine: machine()?, site }),
        Action::Clean => Box::new(clean::Clean { machine: machine()?, site }),
        Action::Leave => Box::new(leave::Leave { machine: machine()?, site }),
        Action::RemoveMachine => Box::new(remove_machine::RemoveMachine { machine: machine()?, site }),
        Action::RemoveMachines => Box::new(remove_machines::RemoveMachines { site }),
        Action::ForgetCluster => Box::new(forget::Forget { site }),
    })
}
