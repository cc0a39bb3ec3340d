//! `sealift delete` and `sealift reset`: the cluster removed, its machines left as they were found.

use std::sync::{Arc, Mutex};

use super::agents::Beside;
use super::context::Context;
use super::execute::{self, Purpose};
use super::launch::StoreBlobs;
use super::login::LoginRequest;
use super::observe;
use super::reporter::Question;
use crate::cluster::Fleet;
use crate::error::{Class, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{MachineSpec, Observed, Seen};
use crate::plan::{self, Definition, Desired, Origin};
use crate::provider::container::{ContainerProvider, SSH_USER};
use crate::remote::SshOptions;
use crate::steps::{Provider, Site, State};

/// What `delete` and `reset` are asked for.
#[derive(Debug, Clone)]
pub struct RemoveRequest {
    /// The cluster's name.
    pub name: String,
    /// How to log in, where it is not as the last time.
    pub login: LoginRequest,
    /// Whether the definition stays.
    pub definition: Definition,
}

/// Removes the cluster.
pub async fn remove(context: &Context, request: RemoveRequest) -> Result<(), Problems> {
    let Some(state) = State::load(&context.home, &request.name)? else {
        return Err(unknown(context, &request.name).into());
    };
    let login = request.login.clone().or(&state.login);
    let origin = match state.provider {
        Provider::BareMetal => Origin::Given,
        Provider::Container => Origin::Made,
    };
    context.reporter.hide(&state.registry.password.clone().into());
    context.reporter.hide(&state.registry.authority_key.clone().into());
    let machines = state.cluster.machines.clone();
    let fleet = fleet(context, &state, &machines, &login).await?;
    let thrown_away = origin == Origin::Made && request.definition == Definition::Forgotten;
    let observed = if thrown_away {
        // Their provider removes them whole, whatever they would say.
        Observed { machines: [].into(), api: None }
    } else {
        context.reporter.note(&format!("looking at {} machines", machines.len()));
        observe::observe(&fleet, &machines).await.observed
    };
    Problems::check(refusals(&state, &observed))?;
    let silent = observe::unknown(&observed);
    if !silent.is_empty() {
        // A cluster is not forgotten while a machine of it may still run.
        return Err(Problems::check(silent).err().unwrap_or_else(|| unknown(context, &request.name).into()));
    }
    let plan = plan::remove(&state.cluster, &observed, origin, request.definition);
    let desired = Desired {
        cluster: state.cluster.clone(),
        images: state.images.clone(),
        registry: state.registry.clone(),
        launch: state.launch.clone(),
    };
    let site = Arc::new(Site {
        desired,
        observed,
        fleet,
        blobs: Box::new(StoreBlobs(Store::open(&context.home)?)),
        home: context.home.clone(),
        state: Mutex::new(after(state, request.definition)),
    });
    execute::execute(context, &site, &plan, purpose(&site, &request)).await
}

/// A cluster that was reset has no identity any more, and its next launch is another one.
fn after(state: State, definition: Definition) -> State {
    match definition {
        Definition::Kept => State { authority: None, launch: super::secrets::new_id(), ..state },
        Definition::Forgotten => state,
    }
}

fn unknown(context: &Context, name: &str) -> Problem {
    let known: Vec<String> = std::fs::read_dir(context.home.join("clusters"))
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    let problem = Problem::new(Class::Config, format!("no cluster `{name}` is known here"));
    match known.is_empty() {
        true => problem.remedy(format!("clusters are kept in {}", context.home.join("clusters").display())),
        false => problem.remedy(format!("name one of these with --name: {}", known.join(", "))),
    }
}

/// Machines that are not this cluster's any more are left alone, loudly.
fn refusals(state: &State, observed: &Observed) -> Vec<Problem> {
    let mut refusals = Vec::new();
    for (name, seen) in &observed.machines {
        let Seen::Known(facts) = seen else { continue };
        let foreign = match &facts.marker {
            Some(marker) if marker.cluster != state.cluster.name => format!("it belongs to the cluster `{}` now", marker.cluster),
            Some(marker) if marker.authority.is_some() && state.authority.is_some() && marker.authority != state.authority => {
                "it belongs to another cluster of the same name".to_owned()
            }
            None if facts.authority.is_some() => "it is a member of a cluster that sealift did not make".to_owned(),
            _ => continue,
        };
        refusals.push(
            Problem::new(Class::Refused, foreign).on(name).remedy("nothing was changed; sealift never touches such a machine"),
        );
    }
    refusals
}

async fn fleet(
    context: &Context,
    state: &State,
    machines: &[MachineSpec],
    login: &LoginRequest,
) -> Result<Fleet, Problems> {
    let common = login.options()?;
    let mut reached = Vec::new();
    for machine in machines {
        let options = match state.provider {
            Provider::BareMetal => common.clone(),
            Provider::Container => container_login(context, state, machine, &common).await?,
        };
        reached.push(login.machine(machine, &options));
    }
    Ok(Fleet::new(reached, Arc::new(Beside), &context.run))
}

/// Machines that were made have their keys with their provider.
async fn container_login(
    context: &Context,
    state: &State,
    machine: &MachineSpec,
    common: &SshOptions,
) -> Result<SshOptions, Problems> {
    let provider = ContainerProvider::connect(&context.home).await?;
    let made = provider.reach(&state.cluster.name).await?;
    let Some(made) = made.into_iter().find(|made| made.address == machine.address) else {
        return Ok(common.clone());
    };
    Ok(SshOptions {
        user: Some(SSH_USER.to_owned()),
        identities: vec![made.ssh_key],
        pins: vec![made.host_key.parse()?],
        ..common.clone()
    })
}

fn purpose(site: &Site, request: &RemoveRequest) -> Purpose {
    let name = &site.cluster().name;
    let (verb, done, next) = match request.definition {
        Definition::Forgotten => ("delete", "is deleted", vec![]),
        Definition::Kept => ("reset", "is reset; its definition is kept", vec![format!("sealift run --name {name}")]),
    };
    Purpose {
        title: format!("{verb} {name}"),
        question: Question::Proceed {
            text: format!("Remove the cluster `{name}` with all its data from {} machines?", site.cluster().machines.len()),
        },
        achieved: format!("the cluster `{name}` {done}"),
        next,
    }
}
