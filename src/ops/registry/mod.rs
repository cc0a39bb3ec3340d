//! `sealift registry`: what the registries of a cluster serve, images put into them, and who may log in to them.

mod attempt;
mod list;
mod passwd;
mod push;

use std::sync::{Arc, Mutex};

use super::consent::{self, Consent};
use super::context::Context;
use super::converge::StoreBlobs;
use super::declare;
use super::login::LoginRequest;
use super::resolve::{Making, Wish};
use super::scene::Scene;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{MachineSpec, Marker, Role};
use crate::steps::{Learned, Site, State};

pub(in crate::ops) use attempt::try_it;

pub use list::{ListRegistryRequest, ServedImage, list_registry};
pub use passwd::{PasswdRequest, change_credentials};
pub use push::{PushRequest, push_images};

/// Looks at a cluster as it is kept, from the newest definition there is.
async fn look(context: &Context, last: &State, login: &LoginRequest) -> Result<Scene, Problems> {
    let declared = declare::last(last);
    let wish = Wish::about(last, &declared, login, Making::Forbidden);
    Box::pin(Scene::newest(context, &wish, declare::last)).await
}

/// Makes the common ground of steps out of what was seen.
fn ground(context: &Context, scene: Scene) -> Site {
    let authority = scene.authority();
    let Scene { desired, sight, state, fleet, store, .. } = scene;
    Site {
        desired,
        observed: sight.observed,
        fleet,
        blobs: Arc::new(StoreBlobs(store)),
        home: context.home.clone(),
        state: Mutex::new(State { authority, ..state }),
        drain: consent::drain(Consent::default(), &context.pace),
        learned: Learned::default(),
    }
}

/// Returns the control planes that have a registry, and why others cannot be asked for theirs. An external one is asked through
/// the first control plane that is in.
fn registries(site: &Site) -> (Vec<MachineSpec>, Vec<Problem>) {
    let external = site.desired.cluster.registry.external().is_some();
    let (mut serving, mut problems) = (vec![], vec![]);
    for machine in site.desired.cluster.with_role(Role::ControlPlane) {
        let problem = match site.observed.machines.get(&machine.name) {
            Some(crate::model::Seen::Known(facts)) => {
                let of_cluster = |marker: &Marker| {
                    marker.cluster == site.cluster().name && marker.role == Role::ControlPlane
                };
                if facts.marker.as_ref().is_some_and(of_cluster)
                    && (external || facts.holdings.receipts.contains_key("registry"))
                {
                    serving.push(machine.clone());
                    continue;
                }
                Problem::new(Class::Machine, "no registry of the cluster was started there")
                    .remedy("bring the machine into the cluster: sealift apply")
            }
            Some(crate::model::Seen::Unknown(problem)) => problem.clone(),
            None => Problem::new(Class::Connection, "the machine did not answer"),
        };
        problems.push(problem.on(&machine.name));
    }
    if external && !serving.is_empty() {
        serving.truncate(1);
        problems.clear();
    }
    (serving, problems)
}
