//! The images below a rootfs' `registry/` put into a registry that is elsewhere.

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{paths, receipts};
use crate::error::Result;
use crate::image::{ServedRegistry, deliver};
use crate::wire::FillRegistryWork;

pub(super) fn carry_out(work: &FillRegistryWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("fill-registry")?;
    let content = paths::rootfs(&work.cluster).join("registry");
    let put = now(async || deliver(&content, &ServedRegistry::behind(&work.door)?, tell).await)?;
    tell(&format!("{put} images are in the registry that were not there"));
    receipts::write("fill-registry", &work.receipt)
}
