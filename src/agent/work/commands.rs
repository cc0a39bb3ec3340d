//! The commands of the images that the rootfs is made of, one after the other, until one fails.

use crate::agent::command::Tell;
use crate::agent::{paths, receipts};
use crate::error::Result;
use crate::wire::CommandsWork;

use super::script;

pub(super) fn carry_out(work: &CommandsWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("commands")?;
    let rootfs = paths::rootfs(&work.cluster);
    for command in &work.commands {
        tell(command);
        script::with_environment(command, &work.environment, &rootfs)?.run(tell)?;
    }
    receipts::write("commands", &work.receipt)
}
