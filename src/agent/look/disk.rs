//! Room on a file system, and how long it takes to bring bytes to the disk.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::unreadable;
use crate::error::Result;
use crate::model::Room;

/// As large as etcd's usual entry, and as many as show a slow disk without keeping a look waiting.
const WRITE: [u8; 2300] = [0; 2300];
const TIMES: usize = 10;

pub(super) fn room(path: &Path) -> Result<Room> {
    let room = crate::distribute::room::Room::at(path)
        .map_err(|problem| unreadable("the room on the disk", problem))?;
    Ok(Room { bytes: room.bytes, inodes: room.inodes })
}

/// Returns the slowest of a few fsyncs in milliseconds, on a file that has no name and so leaves nothing behind.
pub(super) fn slowest_fsync(directory: &Path) -> Option<u64> {
    let mut file = tempfile::tempfile_in(directory).ok()?;
    let mut slowest = Duration::ZERO;
    for _ in 0..TIMES {
        let began = Instant::now();
        file.write_all(&WRITE).and_then(|()| file.sync_data()).ok()?;
        slowest = slowest.max(began.elapsed());
    }
    Some(slowest.as_millis() as u64)
}
