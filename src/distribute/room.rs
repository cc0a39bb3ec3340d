//! Is there room for the layers, before anything is sent?

use std::path::Path;

use bytesize::ByteSize;

use crate::error::{Class, Context as _, Problem, Result};
use crate::model::LayerInfo;

/// What must stay free for everything else on the disk, in bytes.
pub const HEADROOM_BYTES: u64 = 1 << 30;

/// What must stay free for everything else on the disk, in inodes.
pub const HEADROOM_INODES: u64 = 10_000;

/// Blocks of the usual file systems, in bytes: a file takes whole ones.
const BLOCK: u64 = 4096;

/// What an assembled tree copies of an average file, in bytes; large files it shares with the layer.
const COPIED: u64 = 64 * 1024;

/// What is free on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that an ordinary user could still write.
    pub bytes: u64,
    /// Inodes that are left, or `None` where the file system makes them as they are needed.
    pub inodes: Option<u64>,
}

impl Room {
    /// Looks at the file system `path` is on, or will be on once it is made.
    pub fn at(path: &Path) -> Result<Self> {
        let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
        let seen = rustix::fs::statvfs(existing).problem_with(Class::Machine, || {
            format!("cannot see how much room {} has", existing.display())
        })?;
        Ok(Self {
            bytes: seen.f_bavail.saturating_mul(seen.f_frsize),
            inodes: (seen.f_files > 0).then_some(seen.f_favail),
        })
    }

    /// Checks that `need` fits at `path` and leaves the headroom.
    pub fn check(&self, need: Need, path: &Path) -> Result<()> {
        let mut lacking = Vec::new();
        let bytes = need.bytes.saturating_add(HEADROOM_BYTES);
        if self.bytes < bytes {
            lacking.push(format!(
                "{} are needed ({} for the image, {} to spare), {} are free",
                shown(bytes),
                shown(need.bytes),
                shown(HEADROOM_BYTES),
                shown(self.bytes),
            ));
        }
        let inodes = need.inodes.saturating_add(HEADROOM_INODES);
        if let Some(free) = self.inodes.filter(|free| *free < inodes) {
            lacking.push(format!("{inodes} inodes are needed, {free} are free"));
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let problem = Problem::new(Class::Machine, format!("not enough room at {}", path.display()))
            .remedy("free some room there or mount a larger disk, then run the same command again");
        Err(lacking.into_iter().fold(problem, Problem::saw))
    }
}

/// What layers take on a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// Bytes: on the way, unpacked and assembled.
    pub bytes: u64,
    /// Inodes, unpacked and assembled.
    pub inodes: u64,
}

/// Reckons what `layers` take, those that are not there yet and are sent: the stream while it is kept, the
/// unpacked files in whole blocks, and the copies an assembled tree makes of the small ones.
///
/// It errs on the side of asking too much, except for an image of nothing but middling files.
pub fn needed<'a>(layers: impl IntoIterator<Item = &'a LayerInfo>) -> Need {
    layers.into_iter().fold(Need::default(), |need, layer| {
        let blocks = layer.files.saturating_mul(BLOCK);
        let unpacked = layer.unpacked_size.saturating_add(blocks);
        let copied = layer.unpacked_size.min(layer.files.saturating_mul(COPIED)).saturating_add(blocks);
        Need {
            bytes: [layer.size, unpacked, copied].into_iter().fold(need.bytes, u64::saturating_add),
            inodes: need.inodes.saturating_add(layer.files.saturating_mul(2)),
        }
    })
}

fn shown(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use crate::model::{Compression, LayerContent};

    fn layer(size: u64, unpacked_size: u64, files: u64) -> LayerInfo {
        LayerInfo {
            digest: Digest::of(b"packed"),
            diff_id: Digest::of(b"unpacked"),
            size,
            unpacked_size,
            files,
            compression: Compression::Gzip,
            content: LayerContent::Everything,
        }
    }

    #[test]
    fn streams_blocks_and_copies_are_counted() {
        for (layers, bytes, inodes) in [
            (vec![], 0, 0),
            // One large file is not copied as a whole.
            (vec![layer(10 << 20, 100 << 20, 1)], (110 << 20) + 4096 + (64 << 10) + 4096, 2),
            // Small files are.
            (vec![layer(100, 1000, 10)], 100 + 1000 + 40960 + 1000 + 40960, 20),
            (vec![layer(1, 0, 0), layer(u64::MAX, 0, u64::MAX)], u64::MAX, u64::MAX),
        ] {
            assert_eq!(needed(&layers), Need { bytes, inodes }, "{layers:?}");
        }
    }

    #[test]
    fn what_lacks_is_told_in_numbers_people_read() {
        let place = Path::new("/var/lib/sealift");
        let need = Need { bytes: 3 << 30, inodes: 50_000 };
        for (bytes, inodes, seen) in [
            (4 << 30, Some(60_000), vec![]),
            (4 << 30, None, vec![]),
            (
                (4 << 30) - 1,
                Some(60_000),
                vec!["4.0 GiB are needed (3.0 GiB for the image, 1.0 GiB to spare), 4.0 GiB are free"],
            ),
            (4 << 30, Some(59_999), vec!["60000 inodes are needed, 59999 are free"]),
        ] {
            let result = Room { bytes, inodes }.check(need, place);
            assert_eq!(result.map_or_else(|problem| problem.seen, |()| vec![]), seen);
        }
    }

    #[test]
    fn room_is_seen_where_nothing_is_yet() {
        let place = tempfile::tempdir().unwrap();
        assert!(Room::at(&place.path().join("not/yet/made")).unwrap().bytes > 0);
    }
}
