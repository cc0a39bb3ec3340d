//! `sealift delete` and `sealift reset`: the cluster removed, its machines left as they were found.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::consent::{Consent, Force};
use super::context::Context;
use super::converge::StoreBlobs;
use super::declare::{self, Clusterfile};
use super::execute::{self, Proposal, Purpose};
use super::login::LoginRequest;
use super::reporter::Question;
use super::{known, observe, resolve};
use crate::cluster::Fleet;
use crate::error::{Class, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{Cluster, Declared, Kubeconfig, Observed, Seen};
use crate::plan::{self, Definition, Desired, FailedHooks, Origin, Plan};
use crate::provider::container::ContainerProvider;
use crate::steps::{DrainPolicy, Learned, Site, State};

/// How long machines are asked that are about to be thrown away.
const PATIENCE_IN_PASSING: Duration = Duration::from_secs(10);

/// What `delete` and `reset` are asked for.
#[derive(Debug, Clone)]
pub struct RemoveRequest {
    /// Which cluster.
    pub which: Which,
    /// How to log in, where it is not as the last time.
    pub login: LoginRequest,
    /// Whether the definition stays.
    pub definition: Definition,
    /// What is agreed to beforehand.
    pub consent: Consent,
}

/// How a cluster is named.
#[derive(Debug, Clone)]
pub enum Which {
    /// By its name.
    Named(String),
    /// By the files that declare it, which may also say how to log in.
    Declared(Clusterfile),
}

impl Which {
    /// Returns the cluster's name, and what its files declare.
    fn read(&self) -> Result<(String, Option<Declared>), Problems> {
        match self {
            Self::Named(name) => Ok((name.clone(), None)),
            Self::Declared(clusterfile) => {
                let declared = declare::file(clusterfile)?;
                Ok((declared.name.clone(), Some(declared)))
            }
        }
    }
}

/// Removes the cluster.
pub async fn remove(context: &Context, request: RemoveRequest) -> Result<(), Problems> {
    let (name, file) = request.which.read()?;
    let Some(state) = State::load(&context.home, &name)? else {
        return remove_machines_alone(context, &name).await;
    };
    resolve::hide(context, &state);
    // The file may have other hooks by now; those of the last time may be what does not work.
    let (hooks, hook_places) = match &file {
        Some(declared) => {
            (declared.hooks.iter().map(|one| one.hook.clone()).collect(), resolve::hook_places(declared))
        }
        None => (state.cluster.hooks.clone(), [].into()),
    };
    let failed_hooks = match request.consent.force {
        Force::No => FailedHooks::Stop,
        Force::GiveUp => FailedHooks::PassOver,
    };
    let desired = Desired {
        parting: vec![],
        hook_places,
        cluster: Cluster { hooks, ..state.cluster.clone() },
        images: state.images.clone(),
        registry: state.registry.clone(),
        launch: state.launch.clone(),
        leaving: state.leaving.clone(),
        origin: resolve::origin(state.provider),
        kubeadm_file: None,
        former: None,
    };
    // Machines that sealift made are removed whole by their provider, whatever they would say.
    let thrown_away = desired.origin == Origin::Made && request.definition == Definition::Forgotten;
    let machines = resolve::kept(context, &state, file.as_ref(), &request.login).await?;
    let fleet = resolve::fleet(context, &machines);
    let observed = if thrown_away {
        in_passing(&fleet, &desired).await
    } else {
        context.reporter.note(&format!("looking at {} machines", machines.len()));
        let observed = observe::observe(&fleet, &desired).await.observed;
        Problems::check(refusals(&state, &observed))?;
        check_silence(&observed, request.consent.force)?;
        for problem in observe::unknown(&observed) {
            context.reporter.warn(&format!(
                "given up: {problem}; what runs there goes on until it is switched off, and nothing is cleaned"
            ));
        }
        observed
    };
    let plan = plan::remove(&desired, &observed, request.definition, failed_hooks);
    let site = Arc::new(Site {
        desired,
        observed,
        fleet,
        blobs: Arc::new(StoreBlobs(Store::open(&context.home)?)),
        home: context.home.clone(),
        state: Mutex::new(after(state.clone(), request.definition)),
        drain: DrainPolicy::default(),
        learned: Learned::default(),
    });
    let propose = |plan: Plan, site: Arc<Site>| {
        let purpose = purpose(&site, request.definition);
        Proposal { plan, site, purpose }
    };
    let again = async |before: &Proposal| {
        let site = &before.site;
        if thrown_away {
            return Ok(propose(before.plan.clone(), site.clone()));
        }
        let observed = observe::observe(&site.fleet, &site.desired).await.observed;
        Problems::check(refusals(&state, &observed))?;
        // One that has fallen silent meanwhile would be left as it is, and forgotten.
        check_silence(&observed, request.consent.force)?;
        let plan = plan::remove(&site.desired, &observed, request.definition, failed_hooks);
        Ok(propose(plan, Arc::new(site.seen_again(observed))))
    };
    execute::execute(context, propose(plan, site), again).await
}

/// Looks for those machines whose locks have to be taken, without waiting for any that is broken. They are thrown away, so
/// nobody needs the cluster's API any more.
async fn in_passing(fleet: &Fleet, desired: &Desired) -> Observed {
    let look = observe::observe(fleet, desired);
    let seen = tokio::time::timeout(PATIENCE_IN_PASSING, look).await;
    let machines = seen.map(|sight| sight.observed.machines).unwrap_or_default();
    Observed { machines, api: None, kubeconfig: Kubeconfig::Unseen }
}

/// A cluster is not forgotten while a machine of it may still run, unless the operator gives the machine up.
fn check_silence(observed: &Observed, force: Force) -> Result<(), Problems> {
    let remedy = "to give the machine up, with all that it holds: --force";
    match force {
        Force::No => {
            let silent = observe::unknown(observed).into_iter();
            Problems::check(silent.map(|problem| problem.remedy(remedy)).collect())
        }
        Force::GiveUp => Ok(()),
    }
}

/// Machines that sealift made for a launch that never began: they have the cluster's label and nothing else.
async fn remove_machines_alone(context: &Context, name: &str) -> Result<(), Problems> {
    let Ok(provider) = ContainerProvider::connect(&context.home).await else {
        return Err(known::unknown(context, name).into());
    };
    let machines = provider.list(name).await.unwrap_or_default();
    if machines.is_empty() {
        return Err(known::unknown(context, name).into());
    }
    let text = format!("Remove the {} machines that sealift made for the cluster `{name}`?", machines.len());
    if !context.reporter.confirm(&Question::Proceed { text })? {
        return Err(Problem::new(Class::Refused, "nothing was changed, since it was not confirmed").into());
    }
    provider.remove(name).await
}

/// A cluster that was reset has no identity any more, and its next launch is another one.
fn after(state: State, definition: Definition) -> State {
    match definition {
        Definition::Kept => State {
            authority: None,
            launch: super::secrets::new_id(),
            leaving: vec![],
            parting: vec![],
            left: vec![],
            ..state
        },
        Definition::Forgotten => state,
    }
}

/// Machines that are not this cluster's any more are left alone, loudly.
fn refusals(state: &State, observed: &Observed) -> Vec<Problem> {
    let mut refusals = Vec::new();
    for (name, seen) in &observed.machines {
        let Seen::Known(facts) = seen else { continue };
        let foreign = match &facts.marker {
            Some(marker) if marker.cluster != state.cluster.name => {
                format!("it belongs to the cluster `{}` now", marker.cluster)
            }
            Some(marker)
                if marker.authority.is_some()
                    && state.authority.is_some()
                    && marker.authority != state.authority =>
            {
                "it belongs to another cluster of the same name".to_owned()
            }
            None if facts.authority.is_some() => {
                "it is a member of a cluster that sealift did not make".to_owned()
            }
            _ => continue,
        };
        refusals.push(
            Problem::new(Class::Refused, foreign)
                .on(name)
                .remedy("nothing was changed; sealift never touches such a machine"),
        );
    }
    refusals
}

fn purpose(site: &Site, definition: Definition) -> Purpose {
    let name = &site.cluster().name;
    let (verb, done, next) = match definition {
        Definition::Forgotten => ("delete", "is deleted", vec![]),
        Definition::Kept => {
            ("reset", "is reset; its definition is kept", vec![format!("sealift run --name {name}")])
        }
    };
    Purpose {
        title: format!("{verb} {name}"),
        questions: vec![Question::Proceed {
            text: format!(
                "Remove the cluster `{name}` with all its data from {} machines?",
                site.cluster().machines.len()
            ),
        }],
        achieved: format!("the cluster `{name}` {done}"),
        next,
    }
}
