//! The rootfs: layers merged, templates rendered.

use crate::agent::{paths, receipts, tree};
use crate::error::Result;
use crate::wire::LayOutWork;

pub(super) fn carry_out(work: &LayOutWork) -> Result<()> {
    receipts::withdraw("lay-out")?;
    let rootfs = paths::rootfs(&work.cluster);
    tree::lay_out(&work.layers, &rootfs, &work.environment)?;
    tree::publish(&work.registry_layers, &rootfs)?;
    receipts::write("lay-out", &work.receipt)
}
