//! Deletes trees, but nothing as long as anything is mounted below them: a mount is somebody's data.

use std::ffi::OsString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::distribute::beneath;
use crate::distribute::mounts::{Mount, mounts_below};
use crate::error::{Class, Context as _, Problem, Result};

/// Deletes `path` with all that is below it, and says whether there was anything.
///
/// A symbolic link is deleted itself; none is followed, except in the parents of `path`. If anything is mounted
/// at or below it, nothing is deleted and the problem lists the mounts. `path` is absolute and has at least
/// two components.
pub fn remove_tree(path: &Path) -> Result<bool> {
    let Some(place) = Place::of(path)? else { return Ok(false) };
    let mounts = place.mounts()?;
    if !mounts.is_empty() {
        return Err(still_mounted(path, &mounts));
    }
    beneath::remove_below(place.parent.as_fd(), &place.name)
        .map_err(|errno| place.failed(errno))
        .map(|()| true)
}

/// Deletes all that is in the directory `path`, which stays: it may be a mount point itself, such as a disk
/// given to etcd.
///
/// If anything is mounted below it, nothing is deleted and the problem lists the mounts. Nothing there is fine too.
pub fn empty_tree(path: &Path) -> Result<()> {
    let Some(place) = Place::of(path)? else { return Ok(()) };
    let mounts: Vec<_> = place.mounts()?.into_iter().filter(|mount| mount.point != place.resolved).collect();
    if !mounts.is_empty() {
        return Err(still_mounted(path, &mounts));
    }
    beneath::open_root(&place.resolved)
        .and_then(|directory| beneath::empty(directory.as_fd()))
        .map_err(|errno| place.failed(errno))
}

/// Says what is mounted where something should have been deleted or replaced.
pub(super) fn still_mounted(path: &Path, mounts: &[Mount]) -> Problem {
    let problem = Problem::new(
        Class::Machine,
        format!("nothing is deleted below {}, as there are mounts", path.display()),
    )
    .remedy("unmount them (`umount PATH`), then run the same command again");
    mounts.iter().fold(problem, Problem::saw)
}

/// Something that is to be deleted: its parent, opened, and its name in there.
struct Place {
    parent: OwnedFd,
    name: OsString,
    resolved: PathBuf,
    kind: FileType,
}

impl Place {
    /// Returns `None` where there is nothing.
    fn of(path: &Path) -> Result<Option<Self>> {
        let shallow = path.components().count() < 3;
        let (Some(parent), Some(name), true, false) =
            (path.parent(), path.file_name(), path.is_absolute(), shallow)
        else {
            return Err(Problem::new(Class::Internal, format!("{} is too much to delete", path.display())));
        };
        let problem = || format!("cannot look at {}", path.display());
        let resolved = match parent.canonicalize() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.problem_with(Class::Machine, problem)?,
        };
        let parent = beneath::open_root(&resolved).problem_with(Class::Machine, problem)?;
        let status = beneath::look(parent.as_fd(), name).problem_with(Class::Machine, problem)?;
        Ok(status.map(|status| Self {
            parent,
            name: name.to_owned(),
            resolved: resolved.join(name),
            kind: beneath::kind_of(&status),
        }))
    }

    fn mounts(&self) -> Result<Vec<Mount>> {
        if self.kind == FileType::Symlink { Ok(vec![]) } else { mounts_below(&self.resolved) }
    }

    /// Explains a deletion that stopped, perhaps at a mount that came after the table was read.
    fn failed(&self, errno: Errno) -> Problem {
        match (errno, self.mounts()) {
            (Errno::XDEV | Errno::BUSY, Ok(mounts)) => still_mounted(&self.resolved, &mounts),
            _ => {
                Problem::new(Class::Machine, format!("cannot delete {}", self.resolved.display())).saw(errno)
            }
        }
    }
}
