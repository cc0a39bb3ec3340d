//! An application launched from a control plane.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::{Class, Problem, Result};
use crate::model::{BoxFuture, ImageContract, LayerContent, MachineSpec};
use crate::plan;
use crate::wire::{LaunchWork, Work};

pub(super) struct Launch {
    pub(super) machine: MachineSpec,
    pub(super) image: String,
    pub(super) site: Arc<Site>,
}

impl Step for Launch {
    fn title(&self) -> String {
        format!("launch {}", self.image)
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let image = self.image()?;
            let desired = &self.site.desired;
            let environment = plan::of_application(desired, image);
            let commands = plan::commands(desired, image);
            let own = image.layers.iter().filter(|layer| layer.content != LayerContent::Registry);
            let work = LaunchWork {
                cluster: desired.cluster.name.clone(),
                image: image.name.clone(),
                manifest: image.manifest.clone(),
                receipt: plan::launched(desired, image),
                layers: own.map(|layer| layer.diff_id.clone()).collect(),
                configs: plan::configs_of_application(desired, image),
                commands: commands.iter().map(|command| plan::command_line(command, &environment)).collect(),
                environment,
            };
            self.site.act(&self.machine, Work::Launch(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}

impl Launch {
    fn image(&self) -> Result<&ImageContract> {
        let found = self.site.desired.images.iter().find(|image| image.name == self.image);
        found.ok_or_else(|| {
            Problem::new(Class::Internal, format!("the planned image {} is not there", self.image))
        })
    }
}
