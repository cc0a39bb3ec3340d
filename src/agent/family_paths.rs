//! Where the tools of the family keep a cluster's files: scripts and configurations of images may name these places.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::paths;
use crate::error::{Class, Problem, Result};
use crate::fsx;

/// The directories of clusters by their names: sealos's and sealer's.
const FAMILY: [&str; 2] = ["/var/lib/sealos/data", "/var/lib/sealer/data"];

/// Leads the family's names of a cluster's directory to ours.
pub(super) fn link(cluster: &str) -> Result<()> {
    FAMILY.iter().try_for_each(|directory| link_in(Path::new(directory), cluster, &paths::data(cluster)))
}

/// Takes the names away again, and the directories that nobody else uses.
pub(super) fn unlink(cluster: &str) -> Result<()> {
    FAMILY.iter().try_for_each(|directory| unlink_in(Path::new(directory), cluster, &paths::data(cluster)))
}

fn link_in(directory: &Path, cluster: &str, ours: &Path) -> Result<()> {
    let name: PathBuf = directory.join(cluster);
    if fs::read_link(&name).is_ok_and(|target| target == ours) {
        return Ok(());
    }
    fsx::make_directory(directory)?;
    std::os::unix::fs::symlink(ours, &name).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Problem::new(
            Class::Refused,
            format!("{} is there: a tool of the family has made a cluster `{cluster}` here", name.display()),
        )
        .remedy("take the machine out of that cluster with the tool that made it, or give this cluster another name"),
        _ => Problem::new(Class::Machine, format!("cannot make the link {}", name.display())).saw(error),
    })
}

fn unlink_in(directory: &Path, cluster: &str, ours: &Path) -> Result<()> {
    let name = directory.join(cluster);
    if fs::read_link(&name).is_ok_and(|target| target == ours) {
        fsx::remove_if_exists(&name)?;
        for directory in [Some(directory), directory.parent()].into_iter().flatten() {
            fsx::remove_if_empty(directory)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_familys_names_lead_here_and_go_again() {
        let folder = tempfile::tempdir().unwrap();
        let (sealos, ours) = (folder.path().join("sealos"), folder.path().join("ours"));
        let data = sealos.join("data");
        link_in(&data, "one", &ours).unwrap();
        link_in(&data, "one", &ours).unwrap();
        link_in(&data, "two", &ours).unwrap();
        assert_eq!(fs::read_link(data.join("one")).unwrap(), ours);
        unlink_in(&data, "one", &ours).unwrap();
        assert!(data.join("two").is_symlink());
        unlink_in(&data, "two", &ours).unwrap();
        assert!(!sealos.exists());
        fs::create_dir_all(data.join("theirs")).unwrap();
        let problem = link_in(&data, "theirs", &ours).unwrap_err();
        assert_eq!(problem.class, Class::Refused);
        unlink_in(&data, "theirs", &ours).unwrap();
        assert!(data.join("theirs").is_dir());
    }
}
