//! Files of the image that the API server mounts, such as its audit policy.

use std::path::Path;

use crate::agent::paths;
use crate::error::{Class, Context, Result};
use crate::fsx;

/// The audit policy of an image that brings none: who did what, without the bodies of requests, which may be secrets.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n";

/// Copies each from the rootfs to its place. One that the image has not got is left out, but for the audit policy: the API
/// server is told of it by default, and does not start without.
pub(super) fn copy(cluster: &str, statics: &[(String, String)]) -> Result<()> {
    for (from, to) in statics {
        let from = paths::rootfs(cluster).join(from);
        let to = Path::new(to);
        let content = match fsx::read_if_exists(&from)? {
            Some(content) => content,
            None if to == Path::new(paths::AUDIT_POLICY) && !to.exists() => AUDIT_POLICY.into(),
            None => continue,
        };
        if let Some(directory) = to.parent() {
            fsx::make_directory(directory)
                .problem_with(Class::Machine, || format!("cannot place {}", to.display()))?;
        }
        fsx::write_atomically(to, content, 0o600)?;
    }
    Ok(())
}
