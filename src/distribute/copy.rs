//! Puts a file of one directory into another as cheaply as the file system allows: shared blocks, a shared
//! inode, or a copy.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::distribute::beneath::{self, Mounts};
use crate::distribute::metadata::Metadata;

/// From this size in bytes on, files share an inode where they cannot share blocks. Images' scripts edit text
/// and templates in place, which must not reach back into the layer; programs and blobs they replace.
const LINKED_FROM: u64 = 1024 * 1024;

/// What a file may have in common with the one it is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Blocks, and large files their inode.
    Large,
    /// The inode of every file: for a source that is deleted afterwards.
    All,
}

/// Puts files below one root.
pub(super) struct Copier<'a> {
    root: BorrowedFd<'a>,
    sharing: Sharing,
    /// Whether the file system is still believed to clone.
    clones: bool,
    /// Files with several names in the source, and where the first of them went.
    names: HashMap<(u64, u64), PathBuf>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(root: BorrowedFd<'a>, sharing: Sharing) -> Self {
        Self { root, sharing, clones: true, names: HashMap::new() }
    }

    /// Begins with another source, whose files have nothing to do with those of the one before.
    pub(super) fn next_source(&mut self) {
        self.names.clear();
    }

    /// Puts `name` of `from` into `into`, which is the directory `path`'s parent below the root and must not
    /// have it yet. `name` is anything but a directory; sockets, which mean nothing without their process, are
    /// left out.
    pub(super) fn put(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        name: &OsStr,
        status: &Stat,
        path: &Path,
    ) -> io::Result<()> {
        if self.link_to_sibling(into, name, status)? {
            return Ok(());
        }
        self.put_first(from, into, name, status)?;
        if status.st_nlink > 1 {
            self.names.insert((status.st_dev, status.st_ino), path.to_owned());
        }
        Ok(())
    }

    /// Puts a file of which no other name has been put.
    fn put_first(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        name: &OsStr,
        status: &Stat,
    ) -> io::Result<()> {
        match beneath::kind_of(status) {
            FileType::RegularFile => self.put_file(from, into, name, status),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new())?;
                rustix::fs::symlinkat(&target, into, name)?;
                Ok(Metadata::of_status(status).give_to_name(into, name, FileType::Symlink)?)
            }
            FileType::Socket | FileType::Directory | FileType::Unknown => Ok(()),
            kind @ (FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo) => {
                rustix::fs::mknodat(into, name, kind, Mode::from_raw_mode(0o600), status.st_rdev)?;
                Ok(Metadata::of_status(status).give_to_name(into, name, kind)?)
            }
        }
    }

    fn put_file(
        &mut self,
        from: BorrowedFd<'_>,
        into: BorrowedFd<'_>,
        name: &OsStr,
        status: &Stat,
    ) -> io::Result<()> {
        let done = (self.sharing == Sharing::All && link(from, into, name)?)
            || self.clone_file(from, into, name)?
            || (is_large(status) && link(from, into, name)?);
        if !done {
            let (source, mut copy) = (open(from, name)?, create(into, name)?);
            io::copy(&mut &source, &mut copy)?;
            Metadata::of_file(source.as_fd())?.give_to_file(copy.as_fd())?;
        }
        Ok(())
    }

    /// Keeps names of one file in the source names of one file.
    fn link_to_sibling(&self, into: BorrowedFd<'_>, name: &OsStr, status: &Stat) -> io::Result<bool> {
        let Some(sibling) = self.names.get(&(status.st_dev, status.st_ino)) else { return Ok(false) };
        let (Some(parent), Some(sibling_name)) = (sibling.parent(), sibling.file_name()) else {
            return Ok(false);
        };
        let directory = beneath::open_below(self.root, parent, Mounts::Crossed)?;
        linked(rustix::fs::linkat(&directory, sibling_name, into, name, AtFlags::empty()))
    }

    fn clone_file(&mut self, from: BorrowedFd<'_>, into: BorrowedFd<'_>, name: &OsStr) -> io::Result<bool> {
        if !self.clones {
            return Ok(false);
        }
        let (source, copy) = (open(from, name)?, create(into, name)?);
        if rustix::fs::ioctl_ficlone(&copy, &source).is_err() {
            // Whatever the reason, copying will say it better, and asking again for every file costs time.
            self.clones = false;
            rustix::fs::unlinkat(into, name, AtFlags::empty())?;
            return Ok(false);
        }
        Metadata::of_file(source.as_fd())?.give_to_file(copy.as_fd())?;
        Ok(true)
    }
}

/// Says whether a file is shared rather than copied.
pub(super) fn is_large(status: &Stat) -> bool {
    u64::try_from(status.st_size).is_ok_and(|size| size >= LINKED_FROM)
}

fn link(from: BorrowedFd<'_>, into: BorrowedFd<'_>, name: &OsStr) -> io::Result<bool> {
    linked(rustix::fs::linkat(from, name, into, name, AtFlags::empty()))
}

/// Another file system, a file with all the links it can have, and a file system without links call for a copy.
fn linked(result: rustix::io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::NOTSUP) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn open(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?))
}

fn create(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))?))
}
