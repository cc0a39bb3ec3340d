//! An application launched from a control plane.

use std::sync::Arc;

use super::application;
use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
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
            let desired = &self.site.desired;
            let image = application::find(desired, &self.image)?;
            let environment = plan::of_application(desired, image);
            let commands = plan::launch_commands(desired, image);
            let work = LaunchWork {
                cluster: desired.cluster.name.clone(),
                image: image.name.clone(),
                tree: application::tree(desired, image),
                tools: application::tools(desired, image),
                receipt: plan::launched(desired, image),
                commands: commands.iter().map(|command| plan::command_line(command, &environment)).collect(),
                check: plan::check_of(image)
                    .and_then(|check| application::script(&check))
                    .map(|line| plan::command_line(&line, &environment)),
                run: self.site.fleet.run().to_owned(),
                machine: self.machine.name.clone(),
            };
            let named = progress.of(&self.image);
            self.site.act(&self.machine, Work::Launch(work), &named).await?;
            Ok(Acted::Changed)
        })
    }
}
