//! A kubelet given the arguments that its operator wishes.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{KubeletWork, Work};

pub(super) struct ConfigureKubelet {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for ConfigureKubelet {
    fn title(&self) -> String {
        "set its kubelet's arguments".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let work = KubeletWork {
                receipt: plan::kubelet(&self.machine),
                cluster: self.site.cluster().name.clone(),
                arguments: self.machine.node.kubelet_arguments.clone(),
            };
            self.site.act(&self.machine, Work::Kubelet(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
