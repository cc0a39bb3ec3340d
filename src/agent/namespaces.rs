//! Network namespaces of pods, told apart from those that people made with `ip netns`.

use std::ffi::OsStr;
use std::path::Path;

use crate::distribute::mounts::{Mount, mounts_below};
use crate::error::{Class, Context, Result};
use crate::fsx;

/// Where namespaces have names, everybody's.
pub(super) const DIRECTORY: &str = "/run/netns";

/// How the names of pods' namespaces begin. containerd's CRI plugin gives them (`pkg/netns`), with a UUID behind.
const OF_PODS: &str = "cni-";

/// Returns the pods' namespaces that are mounted.
pub(super) fn mounts() -> Result<Vec<Mount>> {
    let mut mounts = mounts_below(Path::new(DIRECTORY))?;
    mounts.retain(|mount| mount.point.file_name().is_some_and(is_of_a_pod));
    Ok(mounts)
}

/// Removes the names of pods' namespaces: once those are unmounted, empty files.
pub(super) fn remove_names() -> Result<()> {
    let Ok(names) = std::fs::read_dir(DIRECTORY) else { return Ok(()) };
    for name in names.flatten().filter(|name| is_of_a_pod(&name.file_name())) {
        fsx::remove_if_exists(&name.path())?;
    }
    Ok(())
}

/// Removes the directory if nothing is left in it. Somebody else's namespaces keep it, and theirs it is then.
pub(super) fn remove_directory() -> Result<()> {
    let directory = Path::new(DIRECTORY);
    let empty = std::fs::read_dir(directory).is_ok_and(|mut names| names.next().is_none());
    if !empty || mounts_below(directory)?.iter().any(|mount| mount.point == directory) {
        return Ok(());
    }
    std::fs::remove_dir(directory).problem_with(Class::Machine, || format!("cannot remove {DIRECTORY}"))
}

fn is_of_a_pod(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(OF_PODS.as_bytes())
}
