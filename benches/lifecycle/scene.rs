//! The machines of the bench, which are gone when it ends, and at its next start if it was killed.

use std::process::Command;

use anyhow::{Context as _, Result};
use sealift::model::Role;
use sealift::provider::container::{ContainerProvider, MACHINE_IMAGE, MadeMachine};

use crate::arguments::Arguments;
use crate::common::say;

/// The label of the machines' containers, and part of their names.
const GROUP: &str = "bench-lifecycle";
/// Three are in the cluster at a time, and one changes places with the first.
const CONTROL_PLANES: usize = 4;
const WORKERS: usize = 3;

/// Machines that nothing has been done to, and a directory for all that an operator has.
pub(crate) struct Scene {
    pub(crate) directory: tempfile::TempDir,
    machines: Vec<MadeMachine>,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub(crate) fn make(arguments: &Arguments) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("sealift-bench.").tempdir()?;
        let home = directory.path().join("home");
        std::fs::create_dir(&home)?;
        let images = std::path::absolute(arguments.home()?)?.join("images");
        anyhow::ensure!(
            images.is_dir(),
            "{} holds no images: dev/images.sh builds them, SEALIFT_HOME tells where they are",
            images.display()
        );
        std::os::unix::fs::symlink(&images, home.join("images"))?;
        let mut scene = Self { directory, machines: vec![], runtime: tokio::runtime::Runtime::new()? };
        scene.machines = scene.runtime.block_on(async {
            let provider = scene.provider().await?;
            provider.remove(GROUP).await?;
            anyhow::Ok(provider.ensure(GROUP, CONTROL_PLANES, WORKERS, MACHINE_IMAGE).await?)
        })?;
        Ok(scene)
    }

    async fn provider(&self) -> Result<ContainerProvider> {
        // Networks that the cluster uses inside.
        let inside = ["100.64.0.0/10", "10.96.0.0/22", "10.103.97.2/32"];
        let inside = inside.map(str::parse).into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(ContainerProvider::connect(&self.directory.path().join("home")).await?.avoiding(inside))
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
        let removed =
            self.runtime.block_on(async { anyhow::Ok(self.provider().await?.remove(GROUP).await?) });
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
