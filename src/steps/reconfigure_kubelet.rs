//! A kubelet given the configuration that the cluster keeps.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec, Part};
use crate::wire::{KubeletConfigurationWork, Work};

pub(super) struct ReconfigureKubelet {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for ReconfigureKubelet {
    fn title(&self) -> String {
        "reconfigure its kubelet".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let site = &self.site;
            let work = KubeletConfigurationWork {
                receipt: site.configured(Part::Kubelet)?,
                cluster: site.cluster().name.clone(),
                patches: site.patches(&self.machine)?,
            };
            site.act(&self.machine, Work::KubeletConfiguration(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
