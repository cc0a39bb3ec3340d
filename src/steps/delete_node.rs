//! A Node removed from the API, when its machine is out.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{self, NodeKey};

pub(super) struct DeleteNode {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for DeleteNode {
    fn title(&self) -> String {
        "remove its Node".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let site = &self.site;
            let Some(node) = plan::node_to_delete(&site.desired, &site.observed, &self.machine) else {
                return Ok(Acted::Unchanged);
            };
            let order = wire::DeleteNode { node: NodeKey::MachineId(node.machine_id.clone()) };
            let acted = site.command_about(&self.machine, order, progress).await?.into();
            if site.observed.facts(&self.machine.name).is_none() {
                // It is given up, so nothing there will be cleaned: this was the last that could be done for it.
                site.has_left(&self.machine)?;
            }
            Ok(acted)
        })
    }
}
