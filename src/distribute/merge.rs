//! Lays unpacked layers over each other, obeying their whiteouts.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, Stat};

use crate::distribute::beneath::{self, Mounts};
use crate::distribute::copy::{Copier, Sharing};
use crate::distribute::metadata::Metadata;
use crate::distribute::whiteout::{Meaning, meaning};
use crate::error::{Class, Context as _, Result};

/// A tree that grows by layers, the lowest first.
pub(super) struct Merge<'a> {
    root: BorrowedFd<'a>,
    copier: Copier<'a>,
    begun: bool,
}

/// A directory as the layers so far left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// It was there.
    Existed,
    /// This layer brings it.
    New,
}

impl<'a> Merge<'a> {
    /// Begins with the empty directory `root`.
    pub(super) fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, copier: Copier::new(root, Sharing::Large), begun: false }
    }

    /// Lays the unpacked layer at `tree` over what is there. `implied` are the directories it did not describe.
    pub(super) fn lay(&mut self, tree: &Path, implied: Vec<PathBuf>) -> Result<()> {
        let problem = || format!("cannot lay {} over the layers below it", tree.display());
        let from = beneath::open_root(tree).problem_with(Class::Machine, problem)?;
        let implied = implied.into_iter().collect();
        let before = if self.begun { Before::Existed } else { Before::New };
        self.begun = true;
        self.copier.next_source();
        self.directory(from.as_fd(), self.root, Path::new(""), before, &implied)
            .problem_with(Class::Machine, problem)
    }

    fn directory(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        path: &Path,
        before: Before,
        implied: &BTreeSet<PathBuf>,
    ) -> io::Result<()> {
        let described = before == Before::New || !implied.contains(path);
        // A layer that only passes through a directory leaves it as it was, its time included.
        let metadata = Metadata::of_file(if described { from } else { into })?;
        let names = beneath::names_in(from)?;
        hide_lower(&names, into)?;
        for name in names.iter().filter(|name| meaning(name) == Meaning::Plain) {
            let Some(status) = beneath::look(from, name)? else { continue };
            let path = path.join(name);
            if beneath::kind_of(&status) == FileType::Directory {
                let below = beneath::open_below(from, Path::new(name), Mounts::Refused)?;
                let (target, before) = enter(into, name)?;
                self.directory(below.as_fd(), target.as_fd(), &path, before, implied)?;
            } else {
                self.file(from, into, name, &status, &path)?;
            }
        }
        Ok(metadata.replace_in_file(into)?)
    }

    fn file(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        name: &OsStr,
        status: &Stat,
        path: &Path,
    ) -> io::Result<()> {
        beneath::remove_below(into, name)?;
        self.copier.put(from, into, name, status, path)
    }
}

/// Whiteouts speak of lower layers only, so they come before anything this layer brings.
fn hide_lower(names: &[OsString], into: BorrowedFd<'_>) -> io::Result<()> {
    for name in names {
        match meaning(name) {
            Meaning::Opaque => beneath::empty(into)?,
            Meaning::Gone(name) => beneath::remove_below(into, name)?,
            Meaning::Plain | Meaning::Bookkeeping | Meaning::Wrong => {}
        }
    }
    Ok(())
}

/// Opens the directory `name`, in place of whatever else has that name.
fn enter(into: BorrowedFd<'_>, name: &OsStr) -> io::Result<(OwnedFd, Before)> {
    let before = match beneath::look(into, name)? {
        Some(status) if beneath::kind_of(&status) == FileType::Directory => Before::Existed,
        _ => {
            beneath::remove_below(into, name)?;
            rustix::fs::mkdirat(into, name, Mode::from_raw_mode(0o755))?;
            Before::New
        }
    };
    Ok((beneath::open_below(into, Path::new(name), Mounts::Refused)?, before))
}
