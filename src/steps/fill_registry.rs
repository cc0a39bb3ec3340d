//! The images of the cluster put into an external registry, by a control plane that has them.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Since, Step};
use crate::error::{Class, Problem, Result};
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{FillRegistryWork, Work};

pub(super) struct FillRegistry {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for FillRegistry {
    fn title(&self) -> String {
        "put the images into the registry".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    /// How much the registry lacks is known when it is there.
    fn since(&self) -> Since {
        Since::TheLastWord
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let desired = &self.site.desired;
            let receipt = plan::filled(desired).ok_or_else(|| {
                Problem::new(Class::Internal, "the cluster has no external registry to fill")
            })?;
            let cluster = desired.cluster.name.clone();
            let work = FillRegistryWork { receipt, cluster, door: desired.door(&self.machine) };
            self.site.act(&self.machine, Work::FillRegistry(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
