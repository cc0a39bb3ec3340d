//! Who may log in to the registries of all control planes, while their credentials change.

use std::net::SocketAddr;
use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec, RegistryUser};
use crate::plan;
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
            let state = self.site.change_state(|_| {}).to_json()?;
            self.site.command(SaveState { state }).await?;
            let access = &self.site.desired.registry;
            let users: Vec<RegistryUser> =
                std::iter::once(access.user()).chain(access.former.clone()).collect();
            set(&self.site, &users, &[], progress).await
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
            let former: Vec<RegistryUser> = access.former.iter().cloned().collect();
            let acted = set(&self.site, &[access.user()], &former, progress).await?;
            // The step that writes the cluster down in it comes after this one.
            self.site.change_state(|state| state.registry.former = None).save(&self.site.home)?;
            Ok(acted)
        })
    }
}

/// Goes from one registry to the next; the others serve meanwhile.
async fn set(
    site: &Site,
    users: &[RegistryUser],
    gone: &[RegistryUser],
    progress: &Progress,
) -> Result<Acted> {
    let has_registry = |machine: &&MachineSpec| {
        site.observed
            .facts(&machine.name)
            .is_some_and(|facts| facts.holdings.receipts.contains_key("registry"))
    };
    for machine in site.desired.control_planes().filter(has_registry) {
        let work = RegistryUsersWork {
            cluster: site.cluster().name.clone(),
            script: ScriptCommand {
                text: site.desired.scripts()?.init_registry,
                environment: plan::of_machine(&site.desired, machine, site.facts(machine)?),
            },
            style: site.desired.registry_style(),
            listen: SocketAddr::new(machine.address, plan::REGISTRY_PORT),
            authority: site.desired.registry.authority.clone(),
            users: users.to_vec(),
            gone: gone.to_vec(),
        };
        let done = site.act(machine, Work::RegistryUsers(work), progress).await;
        done.map_err(|problem| problem.on(&machine.name))?;
    }
    Ok(Acted::Changed)
}
