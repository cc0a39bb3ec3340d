//! Files of the image that the API server mounts, such as its audit policy.

use std::path::Path;

use crate::agent::paths;
use crate::error::{Class, Context, Result};
use crate::fsx;

/// Copies each from the rootfs to its place; one that the image has not got is left out.
pub(super) fn copy(cluster: &str, statics: &[(String, String)]) -> Result<()> {
    for (from, to) in statics {
        let from = paths::rootfs(cluster).join(from);
        let Some(content) = fsx::read_if_exists(&from)? else { continue };
        let to = Path::new(to);
        if let Some(directory) = to.parent() {
            fsx::make_directory(directory)
                .problem_with(Class::Machine, || format!("cannot place {}", to.display()))?;
        }
        fsx::write_atomically(to, content, 0o600)?;
    }
    Ok(())
}
