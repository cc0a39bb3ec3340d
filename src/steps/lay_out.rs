//! The rootfs laid out on a machine.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, LayerInfo, MachineSpec};
use crate::plan::{self, Duty};
use crate::wire::{LayOutWork, ScriptCommand, Work};

pub(super) struct LayOut {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for LayOut {
    fn title(&self) -> String {
        "lay out the image".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (desired, facts) = (&self.site.desired, self.site.facts(&self.machine)?);
            let duty = Duty::of(self.machine.role);
            let scripts = desired.scripts()?;
            let environment = plan::of_machine(desired, &self.machine, facts);
            let diff_id = |layer: &LayerInfo| layer.diff_id.clone();
            let work = LayOutWork {
                receipt: plan::lay_out(desired, &self.machine, facts),
                cluster: desired.cluster.name.clone(),
                configs: plan::configs_of_rootfs(desired),
                layers: desired
                    .base_images()
                    .flat_map(|image| plan::layers_of(image, duty))
                    .map(diff_id)
                    .collect(),
                registry_layers: plan::registry_layers(&desired.images, duty)
                    .into_iter()
                    .map(diff_id)
                    .collect(),
                // Images take their own running parts for somebody else's, so they look before anything is started.
                check: facts
                    .holdings
                    .receipts
                    .is_empty()
                    .then(|| ScriptCommand { text: scripts.check.clone(), environment: environment.clone() }),
                environment,
                registry: desired.registry_style(),
            };
            self.site.act(&self.machine, Work::LayOut(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
