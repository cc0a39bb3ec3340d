//! Who may log in to the registries of all control planes, while their credentials change.

use std::net::SocketAddr;
use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec, RegistryUser};
use crate::plan::{self, Desired, RegistryAccess};
use crate::wire::{RegistryUsersWork, SaveState, ScriptCommand, Work};

/// The registries take the new credentials and the former ones.
pub(super) struct Accept {
    pub(super) site: Arc<Site>,
}

/// The registries take the new credentials alone.
pub(super) struct Withdraw {
    pub(super) site: Arc<Site>,
}

impl Step for Accept {
    fn title(&self) -> String {
        "let registries take new credentials, too".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            // Whoever goes on from elsewhere has to know both. The operator's own copy was written before the first step.
            let state = self.site.change_state(|_| {});
            self.site.command(SaveState { state: state.to_json()? }).await?;
            let Site { desired, observed, .. } = &*self.site;
            let access = &desired.registry;
            let users: Vec<RegistryUser> =
                std::iter::once(access.user()).chain(access.former.clone()).collect();
            let serving = plan::serving_registries(desired, observed, state.authority.as_ref());
            set(&self.site, serving, &Change { users, gone: vec![], after: None }, progress).await
        })
    }
}

impl Step for Withdraw {
    fn title(&self) -> String {
        "let registries refuse the former credentials".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let access = &self.site.desired.registry;
            let gone: Vec<RegistryUser> = access.former.iter().cloned().collect();
            let after = Desired {
                registry: RegistryAccess { former: None, ..access.clone() },
                ..self.site.desired.clone()
            };
            let change = Change { users: vec![access.user()], gone, after: Some(after) };
            // Those that came in this run were started with both as well.
            let all = self.site.desired.control_planes();
            let acted = set(&self.site, all, &change, progress).await?;
            // The step that writes the cluster down in it comes after this one.
            self.site.change_state(|state| state.registry.former = None).save(&self.site.home)?;
            Ok(acted)
        })
    }
}

/// What becomes of those who may log in.
struct Change {
    users: Vec<RegistryUser>,
    gone: Vec<RegistryUser>,
    /// The wish that registries are like then; none is like one that is on the way.
    after: Option<Desired>,
}

/// Goes from one registry to the next; the others serve meanwhile.
async fn set(
    site: &Site,
    machines: impl IntoIterator<Item = &MachineSpec>,
    change: &Change,
    progress: &Progress,
) -> Result<Acted> {
    for machine in machines {
        let facts = site.facts(machine)?;
        let work = RegistryUsersWork {
            cluster: site.cluster().name.clone(),
            script: ScriptCommand {
                text: site.desired.scripts()?.init_registry,
                environment: plan::of_machine(&site.desired, machine, facts),
            },
            style: site.desired.registry_style(),
            listen: SocketAddr::new(machine.address, plan::REGISTRY_PORT),
            authority: site.desired.registry.authority.clone(),
            users: change.users.clone(),
            gone: change.gone.clone(),
            receipt: change.after.as_ref().map(|after| plan::registry(after, machine, facts)),
        };
        let done = site.act(machine, Work::RegistryUsers(work), progress).await;
        done.map_err(|problem| problem.on(&machine.name))?;
    }
    Ok(Acted::Changed)
}
