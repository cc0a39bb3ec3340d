//! etcd's data saved to a file, for the day when a change of the members went wrong.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::Etcd;
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;

/// How many are kept; the oldest goes.
const KEPT: usize = 3;

/// The stamp in a snapshot's name, as `strftime` writes it: it sorts by time.
pub const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// How long etcd may say nothing while it sends.
const SILENCE: Duration = Duration::from_secs(30);

/// etcd ends a snapshot with the SHA-256 of all before it (server/etcdserver/api/v3rpc/maintenance.go).
const DIGEST: usize = 32;

impl Etcd {
    /// Saves a snapshot in `directory` under a name that ends with `stamp`, which sorts by time, and returns its path.
    pub async fn snapshot(&self, directory: &Path, stamp: &str) -> Result<PathBuf> {
        fsx::make_directory(directory)?;
        let path = directory.join(format!("snapshot-{stamp}.db"));
        let partial = path.with_extension("partial");
        let unwritable = || format!("cannot write {}", partial.display());
        // It holds every Secret of the cluster.
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)
            .problem_with(Class::Machine, unwritable)?;
        self.receive(&mut file).await?;
        file.sync_all().problem_with(Class::Machine, unwritable)?;
        verify(&partial)?;
        std::fs::rename(&partial, &path).problem_with(Class::Machine, unwritable)?;
        forget_old(directory)?;
        Ok(path)
    }

    async fn receive(&self, file: &mut File) -> Result<()> {
        let failed = "etcd sends no snapshot";
        let own = self.own();
        let begin = own.begin(Method::POST, "/v3/maintenance/snapshot", "{}".into());
        let coming = timeout(SILENCE, begin).await.problem(Class::Kubernetes, failed)??;
        let mut body = coming.response.into_body();
        let mut line = Vec::new();
        loop {
            let Some(frame) = timeout(SILENCE, body.frame()).await.problem(Class::Kubernetes, failed)? else {
                break;
            };
            let frame = frame.problem(Class::Connection, failed)?;
            for byte in frame.data_ref().into_iter().flatten() {
                match byte {
                    b'\n' => write_piece(&std::mem::take(&mut line), file)?,
                    byte => line.push(*byte),
                }
            }
        }
        write_piece(&line, file)
    }
}

/// Every line of the answer is a JSON object with a piece of the data.
fn write_piece(line: &[u8], file: &mut impl Write) -> Result<()> {
    if line.is_empty() {
        return Ok(());
    }
    let unreadable = "etcd's snapshot cannot be read";
    let piece: Value = serde_json::from_slice(line).problem(Class::Kubernetes, unreadable)?;
    if let Some(error) = piece["error"]["message"].as_str() {
        return Err(Problem::new(Class::Kubernetes, "etcd breaks the snapshot off").saw(error));
    }
    let blob = STANDARD.decode(piece["result"]["blob"].as_str().unwrap_or_default());
    let blob = blob.problem(Class::Kubernetes, unreadable)?;
    file.write_all(&blob).problem(Class::Machine, "cannot write the snapshot")
}

fn verify(path: &Path) -> Result<()> {
    let unreadable = || format!("cannot read {}", path.display());
    let mut file = File::open(path).problem_with(Class::Machine, unreadable)?;
    let length = file.metadata().problem_with(Class::Machine, unreadable)?.len();
    let broken = || Problem::new(Class::Kubernetes, "the snapshot of etcd did not arrive whole");
    let content = length.checked_sub(DIGEST as u64).ok_or_else(broken)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut reader = (&mut file).take(content);
    loop {
        let count = reader.read(&mut buffer).problem_with(Class::Machine, unreadable)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    let mut said = [0; DIGEST];
    file.read_exact(&mut said).problem_with(Class::Machine, unreadable)?;
    if hasher.finalize().as_slice() == said { Ok(()) } else { Err(broken()) }
}

/// Tells whether a file is one of ours by its name. The directory is the operator's, and so is all else in it.
fn is_snapshot(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let stamp = name.and_then(|name| name.strip_prefix("snapshot-")?.strip_suffix(".db"));
    stamp.is_some_and(|stamp| jiff::civil::DateTime::strptime(STAMP, stamp).is_ok())
}

fn forget_old(directory: &Path) -> Result<()> {
    let entries = std::fs::read_dir(directory).problem(Class::Machine, "cannot list the snapshots")?;
    let mut snapshots: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_snapshot(path)).collect();
    snapshots.sort();
    let old = snapshots.len().saturating_sub(KEPT);
    snapshots[..old].iter().try_for_each(|path| fsx::remove_if_exists(path).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_snapshots_go_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let ours: Vec<String> = (1..=5).map(|day| format!("snapshot-2026010{day}T000000Z.db")).collect();
        let others = ["accounts.db", "snapshot-mine.db", "z.db", "snapshot-20260101T000000Z.db.gz"];
        for name in ours.iter().map(String::as_str).chain(others) {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        forget_old(directory.path()).unwrap();
        let there = |name: &str| directory.path().join(name).exists();
        assert!(others.into_iter().all(there));
        assert_eq!(ours.iter().map(|name| there(name)).collect::<Vec<_>>(), [false, false, true, true, true]);
    }

    #[test]
    fn pieces_are_put_together_and_an_error_in_their_midst_is_heard() {
        let mut written = Vec::new();
        for line in
            [r#"{"result":{"remaining_bytes":"3","blob":"YWJj"}}"#, "", r#"{"result":{"blob":"ZGVm"}}"#]
        {
            write_piece(line.as_bytes(), &mut written).unwrap();
        }
        assert_eq!(written, b"abcdef");
        let broken = br#"{"error":{"grpc_code":14,"message":"etcdserver: server stopped"}}"#;
        assert!(write_piece(broken, &mut written).unwrap_err().to_string().contains("server stopped"));
        assert!(write_piece(b"<html>", &mut written).is_err());
    }

    #[test]
    fn a_snapshot_that_is_cut_or_changed_is_no_snapshot() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let whole = [b"content".as_slice(), &Sha256::digest("content")].concat();
        let mut changed = whole.clone();
        changed[0] ^= 1;
        for (bytes, good) in [
            (&whole[..], true),
            (&whole[..whole.len() - 1], false),
            (&whole[..9], false),
            (&changed[..], false),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(verify(&path).is_ok(), good);
        }
    }

    #[test]
    fn the_newest_three_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        for day in 1..=5 {
            std::fs::write(directory.path().join(format!("snapshot-2026010{day}T000000Z.db")), "x").unwrap();
        }
        forget_old(directory.path()).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [3, 4, 5].map(|day| format!("snapshot-2026010{day}T000000Z.db")));
    }
}
