//! Fresh machines for every measurement, and their end.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result};
use sealift::provider::container::{ContainerProvider, MACHINE_IMAGE, MadeMachine};

use crate::common::scratch::provider;

/// The label of the machines' containers, and part of their names.
const CLUSTER: &str = "bench";

/// How many control planes and workers: `1+2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) control_planes: usize,
    pub(crate) workers: usize,
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (control_planes, workers) = text.split_once('+').context("write it like 1+2")?;
        let shape = Self { control_planes: control_planes.parse()?, workers: workers.parse()? };
        anyhow::ensure!(shape.control_planes == 1, "by hand there is one control plane");
        Ok(shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.control_planes, self.workers)
    }
}

/// Where machines come from.
pub(crate) struct Machines {
    provider: ContainerProvider,
}

impl Machines {
    /// Connects to the Docker Engine; the machines' key is kept below `home`.
    pub(crate) async fn connect(home: &Path) -> Result<Self> {
        Ok(Self { provider: provider(home).await? })
    }

    /// Makes machines that nothing has been done to.
    pub(crate) async fn fresh(&self, shape: Shape) -> Result<Vec<MadeMachine>> {
        self.remove().await?;
        Ok(self.provider.ensure(CLUSTER, shape.control_planes, shape.workers, MACHINE_IMAGE).await?)
    }

    /// Removes all machines of the bench, whoever made them.
    pub(crate) async fn remove(&self) -> Result<()> {
        Ok(self.provider.remove(CLUSTER).await?)
    }
}
