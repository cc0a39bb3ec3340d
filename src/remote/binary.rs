//! An agent's binary on this machine, read, hashed and compressed once however many machines get it, and compressed only
//! where one does not have it yet.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tokio::sync::OnceCell;

use crate::error::{Class, Context, Result};
use crate::model::Digest;

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
    /// Its content.
    pub(super) content: Bytes,
    gzip: OnceCell<Bytes>,
}

impl AgentBinary {
    /// Reads the binary at `path`, or returns it as it was read before.
    pub(super) async fn read(path: &Path) -> Result<Arc<Self>> {
        let unreadable = || format!("the agent's binary {} cannot be read", path.display());
        let metadata = tokio::fs::metadata(path).await.problem_with(Class::Config, unreadable)?;
        let version =
            Version { path: path.to_owned(), size: metadata.len(), modified: metadata.modified().ok() };
        let cell = READ.lock().unwrap_or_else(PoisonError::into_inner).entry(version).or_default().clone();
        let binary = cell
            .get_or_try_init(async || {
                let content = tokio::fs::read(path).await.problem_with(Class::Config, unreadable)?;
                tokio::task::spawn_blocking(move || Arc::new(Self::of(content.into())))
                    .await
                    .problem_with(Class::Internal, unreadable)
            })
            .await?;
        Ok(binary.clone())
    }

    fn of(content: Bytes) -> Self {
        Self { digest: Digest::of(&content), content, gzip: OnceCell::new() }
    }

    /// Returns its content in gzip's format, as nearly every machine can unpack it.
    pub(super) async fn gzip(&self) -> Result<&Bytes> {
        let failed = "the agent's binary cannot be compressed";
        let compress = async || {
            let content = self.content.clone();
            tokio::task::spawn_blocking(move || compressed(&content))
                .await
                .problem(Class::Internal, failed)?
                .problem(Class::Internal, failed)
        };
        self.gzip.get_or_try_init(compress).await
    }
}

/// Compresses at a fast level: on most links the time to compress counts as much as the bytes that are saved.
fn compressed(content: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(3));
    encoder.write_all(content)?;
    encoder.finish().map(Bytes::from)
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
