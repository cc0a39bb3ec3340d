//! An image's tree on this machine: its layers merged, its files changed by Configs, its templates rendered.

use std::path::Path;

use super::paths;
use crate::distribute::assemble::assemble;
use crate::distribute::registry::publish_registry;
use crate::distribute::store::LayerStore;
use crate::error::Result;
use crate::fsx;
use crate::model::{Config, Digest, Environment, PlacedConfig};
use crate::render;

/// Lays `layers` out at `target`, lowest first, changes files of it as `configs` say and renders the templates in it.
pub(super) fn lay_out(
    layers: &[Digest],
    target: &Path,
    configs: &[Config],
    environment: &Environment,
) -> Result<()> {
    let store = LayerStore::open(Path::new(paths::LAYERS))?;
    if let Some(parent) = target.parent() {
        fsx::make_directory(parent)?;
    }
    assemble(layers, &store, target)?;
    let configs: Vec<PlacedConfig> = configs.iter().cloned().map(Config::placed).collect();
    render::render_tree(target, &configs, environment).map_err(|problems| problems.as_one())?;
    Ok(())
}

/// Adds the registry content of applications' layers to a rootfs whose registry may be serving.
pub(super) fn publish(layers: &[Digest], rootfs: &Path) -> Result<()> {
    let store = LayerStore::open(Path::new(paths::LAYERS))?;
    layers.iter().try_for_each(|layer| publish_registry(&store.tree(layer), rootfs))
}
