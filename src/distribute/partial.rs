//! The first bytes of a layer's stream, kept while it arrives so that a cut connection costs little.
//!
//! A killed process loses nothing: what it wrote is in the kernel's hands. A power cut may lose or mix up what
//! was not flushed yet, so a note beside the file says in which run of the kernel it was written and up to
//! where it is on disk; after a restart only that much counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx;

/// How much transfer a power cut may cost. A shorter time costs disk writes that are in vain when the
/// stream is whole soon and its file deleted.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Returns how many bytes of the file at `path` can be relied on.
pub(super) fn usable(path: &Path) -> u64 {
    let length = path.metadata().map_or(0, |metadata| metadata.len());
    match fsx::read_if_exists(&note_path(path)) {
        Ok(Some(note)) => relied_on(&note, &this_boot(), length),
        _ => 0,
    }
}

/// Reads the note `<boot id> <flushed bytes>`.
fn relied_on(note: &[u8], this_boot: &str, length: u64) -> u64 {
    let Some((boot, flushed)) = std::str::from_utf8(note).ok().and_then(|note| note.trim().split_once(' '))
    else {
        return 0;
    };
    if boot == this_boot && !this_boot.is_empty() {
        return length;
    }
    flushed.parse::<u64>().unwrap_or(0).min(length)
}

/// A stream's file that grows.
#[derive(Debug)]
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    length: u64,
    flushed_at: Instant,
}

impl Partial {
    /// Opens the file at `path` to go on after its first `from` bytes; what it has beyond them is dropped.
    ///
    /// Fewer bytes than that are a problem: the sender has been told otherwise.
    pub(super) fn resume(path: &Path, from: u64) -> Result<Self> {
        let there = usable(path);
        if there < from {
            return Err(Problem::new(Class::Machine, "the sender leaves out bytes that are not here")
                .saw(format!("it starts at byte {from}, and {there} are here"))
                .remedy("run the same command again"));
        }
        Self::open(path, from).problem_with(Class::Machine, || format!("cannot write {}", path.display()))
    }

    fn open(path: &Path, from: u64) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.set_len(from)?;
        file.seek(SeekFrom::Start(from))?;
        let mut partial = Self { file, path: path.to_owned(), length: from, flushed_at: Instant::now() };
        partial.flush()?;
        Ok(partial)
    }

    /// Opens what is kept for reading from its start.
    pub(super) fn reader(&self) -> Result<File> {
        File::open(&self.path).problem_with(Class::Machine, || format!("cannot read {}", self.path.display()))
    }

    /// Adds bytes that have arrived.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if self.flushed_at.elapsed() >= FLUSH_EVERY { self.flush() } else { Ok(()) }
    }

    /// The note is written after the flush and can so only say too little.
    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let note = format!("{} {}\n", this_boot(), self.length);
        fsx::write_atomically(&note_path(&self.path), note, 0o600).map_err(io::Error::other)?;
        self.flushed_at = Instant::now();
        Ok(())
    }
}

/// Deletes what is kept at `path`, the note last, so that no bytes are left that nothing speaks of.
pub(super) fn discard(path: &Path) -> Result<()> {
    fsx::remove_if_exists(path)?;
    fsx::remove_if_exists(&note_path(path))?;
    Ok(())
}

fn note_path(path: &Path) -> PathBuf {
    path.with_extension("flushed")
}

/// Returns the name of this run of the kernel, or nothing where it cannot be read; nothing is equal to none.
fn this_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_leaves_only_what_was_flushed() {
        for (note, boot, length, expected) in [
            ("one 10\n", "one", 25, 25),
            ("one 10\n", "two", 25, 10),
            ("one 10\n", "two", 5, 5),
            (" 10\n", "", 25, 0),
            ("unknown 10\n", "", 25, 10),
            ("", "one", 25, 0),
            ("torn", "one", 25, 0),
            ("one ten\n", "two", 25, 0),
        ] {
            assert_eq!(relied_on(note.as_bytes(), boot, length), expected, "{note:?} in {boot:?}");
        }
    }

    #[test]
    fn it_goes_on_where_the_sender_does() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("layer.partial");
        assert_eq!(usable(&path), 0);
        Partial::resume(&path, 0).unwrap().keep(b"seal and more").unwrap();
        assert_eq!(usable(&path), 13);
        Partial::resume(&path, 4).unwrap().keep(b"ift").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"sealift");
        assert!(Partial::resume(&path, 8).unwrap_err().message.contains("not here"));
        discard(&path).unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn bytes_without_a_note_count_for_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("layer.partial");
        std::fs::write(&path, "sealift").unwrap();
        assert_eq!(usable(&path), 0);
    }
}
