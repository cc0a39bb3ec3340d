//! Owner, mode, time and extended attributes of a file, and giving them to another.

use std::ffi::{CString, OsStr};
use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::{Errno, Result};

/// What a file has besides its name and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The numeric owner.
    pub(super) uid: u32,
    /// The numeric group.
    pub(super) gid: u32,
    /// The permission bits with setuid, setgid and sticky.
    pub(super) mode: u32,
    /// When the content last changed, as seconds and nanoseconds since 1970.
    pub(super) modified: (i64, u32),
    /// Extended attributes, by name.
    pub(super) attributes: Vec<(CString, Vec<u8>)>,
}

impl Metadata {
    /// What a directory gets that a layer needs but does not describe.
    pub(super) fn of_implied_directory() -> Self {
        Self { uid: 0, gid: 0, mode: 0o755, modified: (0, 0), attributes: vec![] }
    }

    /// Takes all but the extended attributes from a status.
    pub(super) fn of_status(status: &Stat) -> Self {
        Self {
            uid: status.st_uid,
            gid: status.st_gid,
            mode: status.st_mode & 0o7777,
            modified: (status.st_mtime, u32::try_from(status.st_mtime_nsec).unwrap_or(0)),
            attributes: vec![],
        }
    }

    /// Reads all of an open file or directory.
    pub(super) fn of_file(file: BorrowedFd<'_>) -> Result<Self> {
        let mut metadata = Self::of_status(&rustix::fs::fstat(file)?);
        metadata.attributes = read_attributes(file)?;
        Ok(metadata)
    }

    /// Gives all to an open file or directory whose content is complete.
    ///
    /// The order matters: a change of owner clears setuid bits and file capabilities, and everything changes
    /// the time.
    pub(super) fn give_to_file(&self, file: BorrowedFd<'_>) -> Result<()> {
        if is_root() {
            rustix::fs::fchown(file, Some(self.owner()), Some(self.group()))?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode))?;
        for (name, value) in &self.attributes {
            give_attribute(file, name, value)?;
        }
        rustix::fs::futimens(file, &self.times())
    }

    /// Like [`Self::give_to_file`], for one that had other attributes before, which go.
    pub(super) fn replace_in_file(&self, file: BorrowedFd<'_>) -> Result<()> {
        for (name, _) in read_attributes(file)? {
            if !self.attributes.iter().any(|(kept, _)| *kept == name) {
                rustix::fs::fremovexattr(file, &name)?;
            }
        }
        self.give_to_file(file)
    }

    /// Gives owner, mode and time to `name` in `directory`: for what cannot be opened without side effects,
    /// such as symbolic links, which have no mode of their own, and devices.
    pub(super) fn give_to_name(&self, directory: BorrowedFd<'_>, name: &OsStr, kind: FileType) -> Result<()> {
        if is_root() {
            let (owner, group) = (Some(self.owner()), Some(self.group()));
            rustix::fs::chownat(directory, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if kind != FileType::Symlink {
            rustix::fs::chmodat(directory, name, Mode::from_raw_mode(self.mode), AtFlags::empty())?;
        }
        rustix::fs::utimensat(directory, name, &self.times(), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn owner(&self) -> Uid {
        Uid::from_raw(self.uid)
    }

    fn group(&self) -> Gid {
        Gid::from_raw(self.gid)
    }

    fn times(&self) -> Timestamps {
        let (seconds, nanoseconds) = self.modified;
        Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() },
        }
    }
}

/// Says whether an extended attribute belongs to the file and not to the machine it lies on: labels are
/// given by the machine's own policy, and overlayfs's marks mean something only in its own directories.
pub(super) fn travels(name: &[u8]) -> bool {
    name != b"security.selinux"
        && !name.starts_with(b"trusted.overlay.")
        && !name.starts_with(b"user.overlay.")
}

/// Without root there are no foreign owners to give; the agent always has root.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn give_attribute(file: BorrowedFd<'_>, name: &CString, value: &[u8]) -> Result<()> {
    match rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()) {
        // The file system has no such attributes; the file is good without.
        Err(Errno::NOTSUP) => Ok(()),
        Err(Errno::PERM) if !is_root() => Ok(()),
        other => other,
    }
}

fn read_attributes(file: BorrowedFd<'_>) -> Result<Vec<(CString, Vec<u8>)>> {
    let size = match rustix::fs::flistxattr_query(file) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(vec![]),
        other => other?,
    };
    let mut names = Vec::with_capacity(size);
    rustix::fs::flistxattr(file, spare_capacity(&mut names))?;
    let mut attributes = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && travels(name)) {
        let Ok(name) = CString::new(name) else { continue };
        let size = rustix::fs::fgetxattr_query(file, &name)?;
        let mut value = Vec::with_capacity(size);
        if size > 0 {
            rustix::fs::fgetxattr(file, &name, spare_capacity(&mut value))?;
        }
        attributes.push((name, value));
    }
    Ok(attributes)
}
