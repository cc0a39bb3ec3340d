//! The rootfs: layers merged, templates rendered.

use crate::agent::{paths, receipts, tree};
use crate::error::Result;
use crate::wire::LayOutWork;

pub(super) fn carry_out(work: &LayOutWork) -> Result<()> {
    receipts::withdraw("lay-out")?;
    tree::lay_out(&work.layers, &paths::rootfs(&work.cluster), &work.environment)?;
    receipts::write("lay-out", &work.receipt)
}
