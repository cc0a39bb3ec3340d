//! The machines of the bench, which are gone when it ends, and at its next start if it was killed.

use std::process::Command;

use anyhow::{Context as _, Result};
use sealift::model::Role;
use sealift::provider::container::{MACHINE_IMAGE, MadeMachine};

use crate::arguments::Arguments;
use crate::common::say;
use crate::common::scratch::{Scratch, provider};

/// The label of the machines' containers, and part of their names.
const GROUP: &str = "bench-lifecycle";
/// Three are in the cluster at a time, and one changes places with the first.
const CONTROL_PLANES: usize = 4;
const WORKERS: usize = 3;

/// Machines that nothing has been done to, and a home for their operator.
pub(crate) struct Scene {
    pub(crate) scratch: Scratch,
    machines: Vec<MadeMachine>,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub(crate) fn make(arguments: &Arguments) -> Result<Self> {
        let scratch = Scratch::new(&arguments.home()?)?;
        let mut scene = Self { scratch, machines: vec![], runtime: tokio::runtime::Runtime::new()? };
        scene.machines = scene.runtime.block_on(async {
            let provider = provider(&scene.scratch.home).await?;
            provider.remove(GROUP).await?;
            anyhow::Ok(provider.ensure(GROUP, CONTROL_PLANES, WORKERS, MACHINE_IMAGE).await?)
        })?;
        Ok(scene)
    }

    pub(crate) fn machines(&self) -> &[MadeMachine] {
        &self.machines
    }

    /// Returns a machine that was made for this role, from 0.
    pub(crate) fn machine(&self, role: Role, index: usize) -> Result<&MadeMachine> {
        self.machines.iter().filter(|made| made.role == role).nth(index).context("so many were not made")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let removed = self
            .runtime
            .block_on(async { anyhow::Ok(provider(&self.scratch.home).await?.remove(GROUP).await?) });
        if let Err(why) = removed {
            say(&format!("the machines of {GROUP} are still there: {why:#}"));
        }
    }
}

/// Returns a process that runs on a machine, by its number here.
pub(crate) fn process(machine: &MadeMachine) -> Result<u32> {
    let output =
        Command::new("docker").args(["inspect", "--format", "{{.State.Pid}}", &machine.name]).output()?;
    String::from_utf8(output.stdout)?.trim().parse().context("docker does not tell the machine's process")
}
