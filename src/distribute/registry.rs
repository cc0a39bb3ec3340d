//! Carries the content of one `registry/` directory over into another that may be serving meanwhile.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, Stat};
use rustix::io::Errno;

use crate::distribute::beneath::{self, Mounts};
use crate::distribute::copy::{Copier, Sharing, is_large};
use crate::distribute::metadata::Metadata;
use crate::error::{Class, Context as _, Result};
use crate::fsx;

/// The name of the directory in an image's tree.
const REGISTRY: &str = "registry";

/// What happens to a file that both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conflict {
    /// The one that is there stays.
    KeepsThere,
    /// The one that comes replaces it, by one rename, so that a reader sees either.
    TakesComing,
}

/// Adds the registry content of the image tree `from` to the one of the tree `into`.
///
/// Files below `from`'s `registry/` replace those of the same name; nothing else is touched. Does nothing where the
/// image has no such directory. Blobs come before the links that name them, so that a registry which serves
/// `into` meanwhile never names what it has not got.
pub fn publish_registry(from: &Path, into: &Path) -> Result<()> {
    let problem = || format!("cannot add the images of {} to the registry", from.display());
    fsx::make_directory(&into.join(REGISTRY))?;
    let from = beneath::open_root(from).problem_with(Class::Machine, problem)?;
    let into = beneath::open_root(into).problem_with(Class::Machine, problem)?;
    carry(from.as_fd(), into.as_fd(), Sharing::Large, Conflict::TakesComing)
        .problem_with(Class::Machine, problem)
}

/// Gives the tree `into` what only the tree `from`, which will be deleted, has below `registry/`: images that
/// were pushed there after it was made.
pub(super) fn keep_pushed(from: BorrowedFd<'_>, into: BorrowedFd<'_>) -> io::Result<()> {
    carry(from, into, Sharing::All, Conflict::KeepsThere)
}

fn carry(from: BorrowedFd<'_>, into: BorrowedFd<'_>, sharing: Sharing, conflict: Conflict) -> io::Result<()> {
    let registry = Path::new(REGISTRY);
    // Whoever keeps the registry elsewhere, behind a symbolic link, keeps it there.
    let (from, into) = match (directory(from, registry)?, directory(into, registry)?) {
        (Some(from), Some(into)) => (from, into),
        (Some(old), None) if conflict == Conflict::KeepsThere => {
            match beneath::look(into, OsStr::new(REGISTRY))? {
                Some(_) => return Ok(()),
                None => (old, make_like(from, into, OsStr::new(REGISTRY))?),
            }
        }
        _ => return Ok(()),
    };
    let mut carrier = Carrier { copier: Copier::new(into.as_fd(), sharing), conflict };
    carrier.directory(from.as_fd(), into.as_fd(), Path::new(""))
}

fn directory(root: BorrowedFd<'_>, path: &Path) -> io::Result<Option<OwnedFd>> {
    match beneath::open_below(root, path, Mounts::Crossed) {
        Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Makes the directory `name` of `from` in `into`, empty, and opens it.
fn make_like(from: BorrowedFd<'_>, into: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let like = beneath::open_below(from, Path::new(name), Mounts::Crossed)?;
    rustix::fs::mkdirat(into, name, Mode::from_raw_mode(0o700))?;
    let made = beneath::open_below(into, Path::new(name), Mounts::Crossed)?;
    Metadata::of_file(like.as_fd())?.give_to_file(made.as_fd())?;
    Ok(made)
}

struct Carrier<'a> {
    copier: Copier<'a>,
    conflict: Conflict,
}

impl Carrier<'_> {
    fn directory(&mut self, from: BorrowedFd<'_>, into: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
        // `blobs` sorts before `repositories`, `_layers` before `_manifests`, and `revisions` before `tags`.
        for name in beneath::names_in(from)? {
            let Some(coming) = beneath::look(from, &name)? else { continue };
            let there = beneath::look(into, &name)?;
            let path = path.join(&name);
            if beneath::kind_of(&coming) == FileType::Directory {
                let target = match there.map(|status| beneath::kind_of(&status)) {
                    None => make_like(from, into, &name)?,
                    Some(FileType::Directory) => {
                        beneath::open_below(into, Path::new(&name), Mounts::Crossed)?
                    }
                    Some(_) => continue,
                };
                let below = beneath::open_below(from, Path::new(&name), Mounts::Crossed)?;
                self.directory(below.as_fd(), target.as_fd(), &path)?;
            } else {
                self.file(from, into, &name, &coming, there.as_ref(), &path)?;
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        name: &OsStr,
        coming: &Stat,
        there: Option<&Stat>,
        path: &Path,
    ) -> io::Result<()> {
        match (there, self.conflict) {
            (None, _) => self.copier.put(from, into, name, coming, path),
            (Some(_), Conflict::KeepsThere) => Ok(()),
            (Some(there), Conflict::TakesComing) if is_same(coming, there) => Ok(()),
            (Some(there), Conflict::TakesComing) if beneath::kind_of(there) == FileType::Directory => Ok(()),
            (Some(_), Conflict::TakesComing) => self.replace(from, into, name, coming, path),
        }
    }

    /// Puts the file into a directory of its own beside and renames it over the other.
    fn replace(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        name: &OsStr,
        coming: &Stat,
        path: &Path,
    ) -> io::Result<()> {
        const BESIDE: &str = ".sealift-coming";
        beneath::remove_below(into, OsStr::new(BESIDE))?;
        rustix::fs::mkdirat(into, BESIDE, Mode::from_raw_mode(0o700))?;
        let beside = beneath::open_below(into, Path::new(BESIDE), Mounts::Refused)?;
        self.copier.put(from, beside.as_fd(), name, coming, path)?;
        rustix::fs::renameat(&beside, name, into, name)?;
        Ok(beneath::remove_below(into, OsStr::new(BESIDE))?)
    }
}

/// Says whether two files are one, or a large file and the copy that was made of it. Small files are not
/// judged by their looks: all links of tags have one size, and in images built reproducibly one time.
fn is_same(one: &Stat, other: &Stat) -> bool {
    let same_inode = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
    let key = |status: &Stat| (status.st_mode, status.st_size, status.st_mtime, status.st_mtime_nsec);
    same_inode || (is_large(one) && key(one) == key(other))
}
