//! An application taken off the cluster: its image's `clean`, its files, the layers that nothing else is made of.

use std::collections::BTreeSet;
use std::path::Path;

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{kubernetes, paths, receipts};
use crate::distribute::assemble::remove_assembled;
use crate::distribute::garbage::collect_garbage;
use crate::distribute::store::LayerStore;
use crate::error::{Problem, Result};
use crate::model::Digest;
use crate::wire::{ApplicationTree, UninstallWork};

use super::application;

pub(super) fn carry_out(work: &UninstallWork, tell: Tell<'_>) -> Result<()> {
    if let Some(tree) = &work.tree {
        undo(work, tree, tell)?;
    }
    forget_layers(&work.keep, tell);
    // Last: as long as the cluster has it written down, the next run goes on here.
    now(async || kubernetes::api().await?.forget_application(&work.image).await)
}

/// Runs the image's `clean`, then takes the application's files away.
fn undo(work: &UninstallWork, tree: &ApplicationTree, tell: Tell<'_>) -> Result<()> {
    if let Some(clean) = &work.clean {
        for furnished in std::iter::once(tree).chain(&work.tools) {
            application::furnish(&work.cluster, furnished)?;
        }
        application::run(&work.cluster, &work.image, tree, &work.tools, [clean], tell).map_err(
            |problem| {
                problem
                    .remedy("mend what it names, then run the same command again")
                    .remedy(format!("sealift uninstall {} --without-clean leaves it out", work.image))
            },
        )?;
    }
    receipts::withdraw(&format!("launch-{}", tree.manifest.short()))?;
    remove_assembled(&paths::application(&work.cluster, &tree.manifest))
}

/// Layers only take room, so one that cannot be removed now goes the next time.
fn forget_layers(keep: &BTreeSet<Digest>, tell: Tell<'_>) {
    let collected =
        LayerStore::open(Path::new(paths::LAYERS)).and_then(|store| collect_garbage(&store, keep));
    if let Err(problem) = collected.map(drop) {
        tell(&format!("layers were left: {}", Problem::brief(&problem)));
    }
}
