//! Directories by descriptor: paths that cannot leave the directory they start from.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno, Result};

/// How a directory is opened here: never through a symbolic link at its end, never passed on to children.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whether a directory may lie on another mount than the one it is opened from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mounts {
    /// It may.
    Crossed,
    /// It must not: opening it fails with `EXDEV`.
    Refused,
}

/// Opens the directory everything else is relative to; symbolic links in its parents are the administrator's
/// choice and are followed.
pub(super) fn open_root(path: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())
}

/// Opens the directory `path` below `root`. No component may be a symbolic link or lead upwards.
pub(super) fn open_below(root: BorrowedFd<'_>, path: &Path, mounts: Mounts) -> Result<OwnedFd> {
    let mut rules = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    if mounts == Mounts::Refused {
        rules |= ResolveFlags::NO_XDEV;
    }
    let shown = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match rustix::fs::openat2(root, shown, DIRECTORY, Mode::empty(), rules) {
        // Kernels before 5.6 have no openat2, and seccomp profiles older than it answer EPERM.
        Err(Errno::NOSYS | Errno::PERM) => walk_below(root, path, mounts),
        opened => opened,
    }
}

/// The same by one openat(2) a component, which is as strict: each is opened without following.
///
/// A bind mount of the same file system is not seen as a mount here; `remove` also reads the mount table.
fn walk_below(root: BorrowedFd<'_>, path: &Path, mounts: Mounts) -> Result<OwnedFd> {
    let device = rustix::fs::fstat(root)?.st_dev;
    let mut directory = rustix::fs::openat(root, ".", DIRECTORY, Mode::empty())?;
    for component in path.components() {
        match component {
            Component::CurDir => continue,
            Component::Normal(name) => {
                directory = rustix::fs::openat(&directory, name, DIRECTORY, Mode::empty())?;
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
        }
        if mounts == Mounts::Refused && rustix::fs::fstat(&directory)?.st_dev != device {
            return Err(Errno::XDEV);
        }
    }
    Ok(directory)
}

/// Opens the directory `path` below `root` and makes what is missing of it with mode 0755, telling `made`
/// each path it made.
pub(super) fn make_below(
    root: BorrowedFd<'_>,
    path: &Path,
    mut made: impl FnMut(PathBuf),
) -> Result<OwnedFd> {
    match open_below(root, path, Mounts::Crossed) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    let mut directory = rustix::fs::openat(root, ".", DIRECTORY, Mode::empty())?;
    let mut so_far = PathBuf::new();
    for component in path.components() {
        so_far.push(component);
        directory = match open_below(directory.as_fd(), Path::new(component.as_os_str()), Mounts::Crossed) {
            Err(Errno::NOENT) => {
                rustix::fs::mkdirat(&directory, component.as_os_str(), Mode::from_raw_mode(0o755))?;
                made(so_far.clone());
                open_below(directory.as_fd(), Path::new(component.as_os_str()), Mounts::Crossed)?
            }
            opened => opened?,
        };
    }
    Ok(directory)
}

/// Returns what `name` in `directory` itself is, or `None` where there is nothing.
pub(super) fn look(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        other => other.map(Some),
    }
}

/// Returns the kind of file a status tells of.
pub(super) fn kind_of(status: &Stat) -> FileType {
    FileType::from_raw_mode(status.st_mode)
}

/// Returns the names in `directory`, sorted, so that all that follows is the same on every run.
pub(super) fn names_in(directory: BorrowedFd<'_>) -> Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Removes `name` from `directory` with all that is below it; nothing there is fine too.
///
/// Never follows a symbolic link, and fails with `EXDEV` or `EBUSY` at a mount point.
pub(super) fn remove_below(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let Some(status) = look(directory, name)? else { return Ok(()) };
    if kind_of(&status) != FileType::Directory {
        return rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
    let below = open_below(directory, Path::new(name), Mounts::Refused)?;
    empty(below.as_fd())?;
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)
}

/// Removes all that is in `directory`.
pub(super) fn empty(directory: BorrowedFd<'_>) -> Result<()> {
    names_in(directory)?.iter().try_for_each(|name| remove_below(directory, name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_ways_of_resolving_agree() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("root/a/b")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        fs::write(place.path().join("root/file"), "").unwrap();
        symlink("../outside", place.path().join("root/up")).unwrap();
        symlink("a", place.path().join("root/same")).unwrap();
        let root = open_root(&place.path().join("root")).unwrap();
        for (path, reachable) in [
            ("", true),
            ("a", true),
            ("a/b", true),
            ("./a/./b", true),
            ("a/c", false),
            ("file", false),
            ("file/b", false),
            ("up", false),
            ("same", false),
            ("same/b", false),
            ("..", false),
            ("../outside", false),
            ("/", false),
        ] {
            let path = Path::new(path);
            assert_eq!(open_below(root.as_fd(), path, Mounts::Crossed).is_ok(), reachable, "{path:?}");
            assert_eq!(walk_below(root.as_fd(), path, Mounts::Crossed).is_ok(), reachable, "{path:?}");
        }
    }

    #[test]
    fn removing_takes_the_link_and_not_what_it_leads_to() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("root/a/b")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        fs::write(place.path().join("outside/kept"), "").unwrap();
        symlink("../../outside", place.path().join("root/a/up")).unwrap();
        let root = open_root(&place.path().join("root")).unwrap();
        remove_below(root.as_fd(), OsStr::new("a")).unwrap();
        assert!(!place.path().join("root/a").exists());
        assert!(place.path().join("outside/kept").exists());
    }

    #[test]
    fn made_directories_are_told() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("a")).unwrap();
        let root = open_root(place.path()).unwrap();
        let mut made = Vec::new();
        make_below(root.as_fd(), Path::new("a/b/c"), |path| made.push(path)).unwrap();
        assert_eq!(made, [Path::new("a/b"), Path::new("a/b/c")]);
    }
}
