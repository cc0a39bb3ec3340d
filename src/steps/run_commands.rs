//! The commands of the images that a machine's rootfs is made of, run there once it is a member.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{CommandsWork, Work};

pub(super) struct RunCommands {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for RunCommands {
    fn title(&self) -> String {
        "run the image's commands".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (desired, facts) = (&self.site.desired, self.site.facts(&self.machine)?);
            let Some(receipt) = plan::ran(desired, &self.machine, facts) else { return Ok(Acted::Unchanged) };
            let environment = plan::of_machine(desired, &self.machine, facts);
            let commands = desired.base_images().flat_map(|image| plan::machine_commands(desired, image));
            let work = CommandsWork {
                receipt,
                cluster: desired.cluster.name.clone(),
                commands: commands.map(|command| plan::command_line(&command, &environment)).collect(),
                environment,
            };
            self.site.act(&self.machine, Work::Commands(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
