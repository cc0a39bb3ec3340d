//! The layers a machine has, each unpacked to its own directory and named by its diffID.
//!
//! ```text
//! <root>/sha256-<diffID>/tree       the layer's files, whiteouts as marker files
//! <root>/sha256-<diffID>/implied    directories the layer needed and did not describe, each ended by NUL
//! <root>/.incoming/                 what is on its way: locks, staging directories, partial streams
//! ```
//!
//! A layer's directory is renamed into place when all of it is on disk: that it exists says that it is whole.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::distribute::beneath;
use crate::distribute::partial;
use crate::distribute::unpack::Unpacked;
use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx::{self, Lock};
use crate::model::Digest;
use crate::model::LayerOrder;

/// Where an agent keeps its layers.
pub const LAYERS: &str = "/var/lib/sealift/layers";

const INCOMING: &str = ".incoming";

/// A directory of unpacked layers.
#[derive(Debug, Clone)]
pub struct LayerStore {
    root: PathBuf,
}

impl LayerStore {
    /// Opens the store at `root` and makes it where it is missing.
    ///
    /// Only root may look into it: layers hold setuid programs nobody has looked at yet.
    pub fn open(root: &Path) -> Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root.join(INCOMING))
            .problem_with(Class::Machine, || format!("cannot make the layer store {}", root.display()))?;
        Ok(Self { root: root.to_owned() })
    }

    /// Returns the directory of the store itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Says whether the layer with this diffID is here, whole.
    pub fn have(&self, diff_id: &Digest) -> bool {
        self.directory(diff_id).is_dir()
    }

    /// Returns those of `wanted` that are not here, each once, in their order.
    pub fn missing(&self, wanted: &[Digest]) -> Vec<Digest> {
        let mut missing = Vec::new();
        for diff_id in wanted {
            if !self.have(diff_id) && !missing.contains(diff_id) {
                missing.push(diff_id.clone());
            }
        }
        missing
    }

    /// Returns how many bytes of the layer's stream are here from an earlier attempt: a sender goes on from there.
    pub fn partial(&self, layer: &LayerOrder) -> u64 {
        partial::usable(&self.partial_path(layer)).min(layer.size)
    }

    /// Returns where the files of a layer that is here lie.
    pub fn tree(&self, diff_id: &Digest) -> PathBuf {
        self.directory(diff_id).join("tree")
    }

    /// Returns the diffIDs of all layers that are here, sorted.
    pub fn list(&self) -> Result<Vec<Digest>> {
        let names = names_in(&self.root)?;
        Ok(names.iter().filter_map(|name| digest_of(name.strip_prefix("sha256-")?)).collect())
    }

    pub(super) fn directory(&self, diff_id: &Digest) -> PathBuf {
        self.root.join(format!("sha256-{}", diff_id.hex()))
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    /// Returns where a layer is unpacked before it is moved into place.
    pub(super) fn staging(&self, diff_id: &Digest) -> PathBuf {
        self.incoming().join(format!("{}.staging", diff_id.hex()))
    }

    /// Returns where a layer is moved to before it is deleted, so that no half of it is ever in place.
    pub(super) fn condemned(&self, diff_id: &Digest) -> PathBuf {
        self.incoming().join(format!("{}.removed", diff_id.hex()))
    }

    pub(super) fn partial_path(&self, layer: &LayerOrder) -> PathBuf {
        self.incoming().join(format!("{}.{}.partial", layer.diff_id.hex(), layer.digest.hex()))
    }

    /// Waits until nobody else receives or removes this layer.
    pub(super) fn lock(&self, diff_id: &Digest) -> Result<Lock> {
        fsx::lock(&self.lock_path(diff_id))
    }

    /// Like [`Self::lock`], but does not wait.
    pub(super) fn try_lock(&self, diff_id: &Digest) -> Result<Option<Lock>> {
        fsx::try_lock(&self.lock_path(diff_id))
    }

    fn lock_path(&self, diff_id: &Digest) -> PathBuf {
        self.incoming().join(format!("{}.lock", diff_id.hex()))
    }

    /// Returns the directories the layer needed and did not describe.
    pub(super) fn implied(&self, diff_id: &Digest) -> Result<Vec<PathBuf>> {
        let bytes = fsx::read(&self.directory(diff_id).join("implied"))?;
        let mut paths: Vec<_> =
            bytes.split(|byte| *byte == 0).map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
        // What follows the last NUL is no path.
        paths.pop();
        Ok(paths)
    }

    /// Moves a staged layer into place, once everything of it is on disk.
    pub(super) fn commit(&self, diff_id: &Digest, unpacked: &Unpacked) -> Result<()> {
        let staging = self.staging(diff_id);
        let mut implied = Vec::new();
        for path in &unpacked.implied {
            implied.extend_from_slice(path.as_os_str().as_bytes());
            implied.push(0);
        }
        let problem = || format!("cannot bring the layer {} to disk", diff_id.short());
        fs::write(staging.join("implied"), implied).problem_with(Class::Machine, problem)?;
        // One call for the whole file system, in place of an fsync for each of thousands of files.
        beneath::open_root(&staging)
            .and_then(|directory| rustix::fs::syncfs(directory.as_fd()))
            .problem_with(Class::Machine, problem)?;
        fs::rename(&staging, self.directory(diff_id)).problem_with(Class::Machine, problem)?;
        fsx::sync_directory(&self.root)
    }

    /// Removes something below the directory of what is on its way.
    pub(super) fn remove_incoming(&self, path: &Path) -> Result<()> {
        let name =
            path.file_name().ok_or_else(|| Problem::new(Class::Internal, "a staging path has no name"))?;
        beneath::open_root(&self.incoming())
            .and_then(|incoming| beneath::remove_below(incoming.as_fd(), name))
            .problem_with(Class::Machine, || format!("cannot remove {}", path.display()))
    }
}

/// Returns the names in a directory that are text, sorted.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>> {
    let names = beneath::open_root(directory)
        .and_then(|directory| beneath::names_in(directory.as_fd()))
        .problem_with(Class::Machine, || format!("cannot list {}", directory.display()))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// Reads a digest from the 64 digits file names hold.
pub(super) fn digest_of(hex: &str) -> Option<Digest> {
    format!("sha256:{hex}").parse().ok()
}
