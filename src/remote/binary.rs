//! An agent's binary on this machine, hashed and compressed once however many machines get it, and compressed only where
//! one does not have it yet. Only what is compressed stays in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tokio::io::AsyncReadExt;
use tokio::sync::OnceCell;

use crate::error::{Class, Context, Problem, Result};
use crate::model::{Digest, DigestWriter};

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Version {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
}

type Cell = Arc<OnceCell<Arc<AgentBinary>>>;

/// The binaries read so far: a cluster's machines all get the same one or two.
static READ: LazyLock<Mutex<HashMap<Version, Cell>>> = LazyLock::new(Mutex::default);

/// An agent's binary.
#[derive(Debug)]
pub(super) struct AgentBinary {
    /// The SHA-256 of the binary itself.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
    path: PathBuf,
    gzip: OnceCell<Bytes>,
}

impl AgentBinary {
    /// Reads the binary at `path`, or returns it as it was read before.
    pub(super) async fn read(path: &Path) -> Result<Arc<Self>> {
        let metadata = tokio::fs::metadata(path).await.problem_with(Class::Config, || unreadable(path))?;
        let version =
            Version { path: path.to_owned(), size: metadata.len(), modified: metadata.modified().ok() };
        let cell = READ.lock().unwrap_or_else(PoisonError::into_inner).entry(version).or_default().clone();
        let binary = cell
            .get_or_try_init(async || {
                let (_, digest, size) = self::read(path, io::sink).await?;
                Ok(Arc::new(Self { digest, size, path: path.to_owned(), gzip: OnceCell::new() }))
            })
            .await?;
        Ok(binary.clone())
    }

    /// Returns its content in gzip's format, as nearly every machine can unpack it. A fast level: on most links the time
    /// to compress counts as much as the bytes that are saved.
    pub(super) async fn gzip(&self) -> Result<&Bytes> {
        let half = (self.size / 2) as usize;
        let compress = async || {
            let encoder = move || GzEncoder::new(Vec::with_capacity(half), Compression::new(3));
            let (encoder, digest, _) = self::read(&self.path, encoder).await?;
            if digest != self.digest {
                return Err(self.has_changed());
            }
            let whole = encoder.finish().problem_with(Class::Internal, || unreadable(&self.path))?;
            Ok(Bytes::from(whole))
        };
        self.gzip.get_or_try_init(compress).await
    }

    /// Opens it to be sent as it is; the machine makes sure that it is the one with this digest.
    pub(super) async fn open(&self) -> Result<impl tokio::io::AsyncRead + Unpin + use<>> {
        let file =
            tokio::fs::File::open(&self.path).await.problem_with(Class::Config, || unreadable(&self.path))?;
        Ok(file.take(self.size))
    }

    /// Says that the file is not the one any more that it was.
    pub(super) fn has_changed(&self) -> Problem {
        Problem::new(Class::Config, format!("the agent's binary {} changed meanwhile", self.path.display()))
            .remedy("run the command again")
    }
}

fn unreadable(path: &Path) -> String {
    format!("the agent's binary {} cannot be read", path.display())
}

/// Passes the file on to a writer; returns the writer, the digest and the size.
async fn read<W: io::Write + Send + 'static>(
    path: &Path,
    writer: impl FnOnce() -> W + Send + 'static,
) -> Result<(W, Digest, u64)> {
    let opened = path.to_owned();
    let passed = tokio::task::spawn_blocking(move || {
        let mut writer = DigestWriter::new(writer());
        io::copy(&mut io::BufReader::with_capacity(256 * 1024, File::open(opened)?), &mut writer)?;
        io::Result::Ok(writer.finish())
    });
    passed
        .await
        .problem_with(Class::Internal, || unreadable(path))?
        .problem_with(Class::Config, || unreadable(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_binary_is_read_once_and_again_when_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent");
        std::fs::write(&path, "one").unwrap();
        let first = AgentBinary::read(&path).await.unwrap();
        assert!(Arc::ptr_eq(&first, &AgentBinary::read(&path).await.unwrap()));
        std::fs::write(&path, "other").unwrap();
        assert_eq!(AgentBinary::read(&path).await.unwrap().digest, Digest::of("other"));
    }

    #[tokio::test]
    async fn a_missing_binary_is_told_with_its_path() {
        let problem = AgentBinary::read(Path::new("/nonexistent/agent")).await.unwrap_err();
        assert!(problem.message.contains("/nonexistent/agent"), "{problem}");
    }
}
