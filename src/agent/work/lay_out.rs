//! The rootfs: layers merged, templates rendered, and the machine looked at by the image's own check.

use std::path::Path;

use super::script;
use crate::agent::command::Tell;
use crate::agent::{family_paths, paths, receipts, tree};
use crate::error::{Problem, Result};
use crate::model::RegistryStyle;
use crate::wire::{LayOutWork, ScriptCommand};

pub(super) fn carry_out(work: &LayOutWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("lay-out")?;
    if work.registry == RegistryStyle::Container {
        receipts::withdraw("registry")?;
    }
    let rootfs = paths::rootfs(&work.cluster);
    tree::lay_out(&work.layers, &rootfs, &work.configs, &work.environment)?;
    family_paths::link(&work.cluster)?;
    tree::publish(&work.registry_layers, &rootfs)?;
    if let Some(command) = &work.check {
        check(&rootfs, command, tell)?;
    }
    receipts::write("lay-out", &work.receipt)
}

fn check(rootfs: &Path, command: &ScriptCommand, tell: Tell<'_>) -> Result<()> {
    script::run(rootfs, command, tell).map_err(|problem| {
        let message = format!("the image's check `{}` finds the machine unfit", command.text);
        Problem { message, ..problem }.remedy("mend what it names, then run the same command again")
    })
}
