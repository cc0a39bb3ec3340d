//! Files that survive a power cut: atomic writes, reads whose problem names the path, locks.
//!
//! Every problem from here has class `Machine`; who reads a file that the user named changes it to `Config`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::{Errno, FdFlags};

use crate::error::{Class, Context as _, Result};

/// Writes `bytes` to `path` so that after a crash either the old or the new content is there, whole.
///
/// `mode` holds the permission bits, whatever the umask says. The directory must exist. A symbolic link at
/// `path` is replaced, not followed.
pub fn write_atomically(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    replace_file(path, bytes.as_ref(), mode)
        .problem_with(Class::Machine, || format!("cannot write {}", path.display()))
}

fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let directory = directory_of(path);
    let mut file = tempfile::Builder::new().prefix(".sealift-").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    // Without this the new name may be lost with the power, although the content is on disk.
    File::open(directory)?.sync_all()
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).problem_with(Class::Machine, || cannot_read(path))
}

/// Reads a whole file of UTF-8 text.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).problem_with(Class::Machine, || cannot_read(path))
}

/// Reads a whole file, or returns `None` where there is none.
pub fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if is_absence(&error) => Ok(None),
        other => other.map(Some).problem_with(Class::Machine, || cannot_read(path)),
    }
}

/// Removes a file (or a symbolic link itself) and says whether there was one.
pub fn remove_if_exists(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error).problem_with(Class::Machine, || format!("cannot remove {}", path.display())),
    }
}

/// Makes a directory and its parents where they are missing.
pub fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path)
        .problem_with(Class::Machine, || format!("cannot make the directory {}", path.display()))
}

/// Brings a directory's entries to disk: the end of every rename that must not be lost.
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .problem_with(Class::Machine, || format!("cannot bring {} to disk", path.display()))
}

/// Removes a directory that nobody uses any more: one that holds something stays, and one that is not there is gone.
pub fn remove_if_empty(path: &Path) -> Result<()> {
    match fs::remove_dir(path) {
        Err(error) if is_in_use_or_gone(&error) => Ok(()),
        other => other.problem_with(Class::Machine, || format!("cannot remove {}", path.display())),
    }
}

fn is_in_use_or_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound)
}

/// An exclusive lock, held until it is dropped or its process ends, however it ends.
///
/// It is flock(2) on a file. One that was removed while others waited for it is no lock any more, and they make another.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Lets programs that are started from now on hold the lock too, so that it is free only when the last
    /// of them has ended.
    pub fn share_with_children(&self) -> Result<()> {
        rustix::io::fcntl_setfd(&self.file, FdFlags::empty())
            .problem_with(Class::Machine, || format!("cannot pass on the lock {}", self.path.display()))
    }
}

/// Takes the lock at `path`, and waits for whoever has it.
///
/// The file is made with mode 0600 where it is missing; its directory must exist.
pub fn lock(path: &Path) -> Result<Lock> {
    loop {
        let file = open_lock(path)?;
        match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => continue,
            other => other.problem_with(Class::Machine, || cannot_lock(path))?,
        }
        if is_still_there(&file, path)? {
            return Ok(Lock { file, path: path.to_owned() });
        }
    }
}

/// Takes the lock at `path`, or returns `None` when somebody has it.
pub fn try_lock(path: &Path) -> Result<Option<Lock>> {
    loop {
        let file = open_lock(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            other => other.problem_with(Class::Machine, || cannot_lock(path))?,
        }
        if is_still_there(&file, path)? {
            return Ok(Some(Lock { file, path: path.to_owned() }));
        }
    }
}

/// Tells whether a lock's file was not taken away while it was waited for: the next one would make another file, and both
/// would have "the" lock.
fn is_still_there(file: &File, path: &Path) -> Result<bool> {
    let links = file.metadata().problem_with(Class::Machine, || cannot_lock(path))?.nlink();
    Ok(links > 0)
}

fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .problem_with(Class::Machine, || cannot_lock(path))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A missing directory, and a file where a directory was looked for, are absence too.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

fn cannot_lock(path: &Path) -> String {
    format!("cannot take the lock {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_content_and_mode_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("machine.json");
        write_atomically(&path, "old", 0o644).unwrap();
        write_atomically(&path, "new", 0o600).unwrap();
        assert_eq!(read_text(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("occupied");
        fs::create_dir_all(path.join("below")).unwrap();
        let problem = write_atomically(&path, "new", 0o644).unwrap_err();
        assert!(problem.message.contains("occupied"), "{problem}");
        assert!(path.join("below").is_dir());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the temporary file is gone");
    }

    #[test]
    fn absence_is_no_problem_where_it_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none");
        assert_eq!(read_if_exists(&path).unwrap(), None);
        assert!(!remove_if_exists(&path).unwrap());
        assert!(read(&path).unwrap_err().message.contains("none"));
        write_atomically(&path, "", 0o600).unwrap();
        assert_eq!(read_if_exists(&path.join("below a file")).unwrap(), None);
        assert!(remove_if_exists(&path).unwrap());
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = lock(&path).unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_that_was_taken_away_while_it_was_waited_for_is_taken_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = lock(&path).unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || lock(&path).unwrap()
        });
        await_waiting_for(&path, &waiting);
        std::fs::remove_file(&path).unwrap();
        drop(held);
        let taken = waiting.join().unwrap();
        assert!(try_lock(&path).unwrap().is_none(), "there is one lock, and it is held");
        drop(taken);
    }

    /// Waits until a thread waits for the lock at `path`, as the kernel tells, or has ended without.
    fn await_waiting_for<T>(path: &Path, thread: &std::thread::JoinHandle<T>) {
        let inode = format!(":{} ", std::fs::metadata(path).unwrap().ino());
        let waits = |line: &str| line.contains("->") && line.contains(&inode);
        while !thread.is_finished() && !std::fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_shared_lock_is_held_until_the_last_child_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = lock(&path).unwrap();
        held.share_with_children().unwrap();
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        drop(held);
        assert!(try_lock(&path).unwrap().is_none(), "the child holds it");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(try_lock(&path).unwrap().is_some());
    }
}
