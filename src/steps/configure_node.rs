//! A Node given the labels and taints that its operator wishes.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::wire;

pub(super) struct ConfigureNode {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for ConfigureNode {
    fn title(&self) -> String {
        "set its labels and taints".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let node = self.site.node_key(&self.machine);
            let order = wire::ConfigureNode { node, wishes: self.machine.node.clone() };
            Ok(self.site.command_about(&self.machine, order, progress).await?.into())
        })
    }
}
