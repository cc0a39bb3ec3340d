//! What is gone after a bench: a home for sealift whose images are those of the operator's, and the machines.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sealift::provider::container::ContainerProvider;

/// Networks that the measured clusters use inside.
const INSIDE: [&str; 3] = ["100.64.0.0/10", "10.96.0.0/22", "10.103.97.2/32"];

/// A directory, and in it a home that knows no cluster.
pub(crate) struct Scratch {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) home: PathBuf,
}

impl Scratch {
    /// Makes one whose images are those of the home `operators`.
    pub(crate) fn new(operators: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("sealift-bench.").tempdir()?;
        let home = directory.path().join("home");
        std::fs::create_dir(&home)?;
        let images = std::path::absolute(operators)?.join("images");
        anyhow::ensure!(
            images.is_dir(),
            "{} holds no images: dev/images.sh builds them, SEALIFT_HOME tells where they are",
            images.display()
        );
        std::os::unix::fs::symlink(&images, home.join("images"))?;
        Ok(Self { directory, home })
    }
}

/// Connects to the Docker Engine that machines come from; their key is kept below `home`.
pub(crate) async fn provider(home: &Path) -> Result<ContainerProvider> {
    let inside = INSIDE.map(str::parse).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(ContainerProvider::connect(home).await?.avoiding(inside))
}

/// Returns the home that a flag or a variable names, or the one that sealift has by itself.
pub(crate) fn operators_home(named: Option<&PathBuf>) -> Result<PathBuf> {
    let default = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".sealift"));
    named.cloned().or_else(default).context("neither SEALIFT_HOME nor HOME is set")
}
