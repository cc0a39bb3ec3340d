//! The registry's data directory: a link into the rootfs, where the image's content is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::wire::ScriptCommand;

/// Returns the data directory that the image's scripts are told.
pub(super) fn path(script: &ScriptCommand) -> PathBuf {
    script.environment.get("registryData").map_or("/var/lib/registry", String::as_str).into()
}

/// Makes the link, as the images of the family expect it before their `init-registry`. What somebody else keeps in the
/// place is never taken away for it.
pub(super) fn link(data: &Path, rootfs: &Path) -> Result<()> {
    let content = rootfs.join("registry");
    fsx::make_directory(&content)?;
    if leads_to(data, &content) {
        return Ok(());
    }
    let unmakeable = || format!("cannot make the link {}", data.display());
    match fs::symlink_metadata(data) {
        Ok(found) if found.is_symlink() => fs::remove_file(data).problem_with(Class::Machine, unmakeable)?,
        Ok(_) => fs::remove_dir(data).map_err(|error| {
            Problem::new(
                Class::Machine,
                format!("{} is in use, and the cluster's registry needs the place", data.display()),
            )
            .saw(error)
            .remedy("move away what is there, or give the registry another place: --env registryData=/path")
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).problem_with(Class::Machine, unmakeable),
    }
    if let Some(parent) = data.parent() {
        fsx::make_directory(parent)?;
    }
    std::os::unix::fs::symlink(&content, data).problem_with(Class::Machine, unmakeable)
}

/// Removes the link, if it is one of ours.
pub(super) fn unlink(data: &Path, rootfs: &Path) -> Result<()> {
    if leads_to(data, &rootfs.join("registry")) {
        fsx::remove_if_exists(data)?;
    }
    Ok(())
}

fn leads_to(data: &Path, content: &Path) -> bool {
    fs::read_link(data).is_ok_and(|target| target == content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_made_once_and_never_over_somebodys_data() {
        let folder = tempfile::tempdir().unwrap();
        let (data, rootfs) = (folder.path().join("data"), folder.path().join("rootfs"));
        fs::create_dir(&data).unwrap();
        for _ in 0..2 {
            link(&data, &rootfs).unwrap();
            assert_eq!(fs::read_link(&data).unwrap(), rootfs.join("registry"));
        }
        unlink(&data, &folder.path().join("other")).unwrap();
        assert!(data.is_symlink(), "it leads elsewhere");
        unlink(&data, &rootfs).unwrap();
        assert!(!data.exists());
        fs::create_dir(&data).unwrap();
        fs::write(data.join("theirs"), "").unwrap();
        let problem = link(&data, &rootfs).unwrap_err();
        assert!(problem.message.contains("is in use") && data.join("theirs").exists(), "{problem}");
    }
}
