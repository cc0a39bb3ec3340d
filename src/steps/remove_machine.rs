//! One machine that a provider made, removed with all it holds.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::provider::container::ContainerProvider;

pub(super) struct RemoveMachine {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for RemoveMachine {
    fn title(&self) -> String {
        "remove the machine, which sealift made".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let cluster = &self.site.cluster().name;
            let provider = ContainerProvider::connect(&self.site.home).await?;
            let machines = provider.list(cluster).await?;
            // Its address is its name in all that sealift says; the provider never gives one to two machines.
            let Some(found) = machines.into_iter().find(|one| one.address == Some(self.machine.address))
            else {
                self.site.has_left(&self.machine)?;
                return Ok(Acted::Unchanged);
            };
            let removed = provider.remove_machines(cluster, &[found.name]).await;
            removed.map_err(|problems| problems.as_one())?;
            self.site.has_left(&self.machine)?;
            Ok(Acted::Changed)
        })
    }
}
