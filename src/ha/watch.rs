//! Notices that a file was replaced or changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// How often the file is looked at. One `stat` a second costs nothing, and unlike a watch on an inode it
/// survives whatever way the file is replaced.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A file that is watched.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    seen: Option<Stamp>,
    ticks: tokio::time::Interval,
}

/// What changes when a file does: inode, time of change in nanoseconds (which nobody can set back) and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl WatchedFile {
    /// Begins to watch the file at `path`, which need not exist; later changes are noticed.
    pub fn new(path: &Path) -> Self {
        Self::looked_at_every(LOOK_EVERY, path)
    }

    fn looked_at_every(rhythm: Duration, path: &Path) -> Self {
        let mut ticks = tokio::time::interval(rhythm);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { path: path.to_owned(), seen: stamp(path), ticks }
    }

    /// Completes when the file is another one than it was; a file that is missing for now is not.
    ///
    /// Safe to drop and call again.
    pub async fn changed(&mut self) {
        loop {
            self.ticks.tick().await;
            let now = stamp(&self.path);
            if now.is_some() && now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        inode: metadata.ino(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        size: metadata.size(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replacing_and_rewriting_are_noticed_and_a_gap_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, "one").unwrap();
        let rhythm = Duration::from_millis(5);
        let mut file = WatchedFile::looked_at_every(rhythm, &path);
        // Absence of a change is waited for in full, a change as long as it takes.
        let (moment, patience) = (rhythm * 10, Duration::from_secs(20));
        assert!(tokio::time::timeout(moment, file.changed()).await.is_err(), "nothing changed");

        std::fs::write(&path, "another").unwrap();
        tokio::time::timeout(patience, file.changed()).await.unwrap();

        std::fs::write(folder.path().join("new"), "another").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        tokio::time::timeout(patience, file.changed()).await.unwrap();

        std::fs::remove_file(&path).unwrap();
        assert!(tokio::time::timeout(moment, file.changed()).await.is_err(), "a gap was reported");
        std::fs::write(&path, "back").unwrap();
        tokio::time::timeout(patience, file.changed()).await.unwrap();
    }
}
