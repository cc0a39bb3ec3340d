//! Garbage: blobs that no image needs, deleted when nobody is adding or reading.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Store;
use super::lock::Lock;
use crate::error::{Class, Context, Result};
use crate::image::document::{Index, Manifest};
use crate::model::Digest;

/// What became of the blobs that no image needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// They are deleted.
    Done {
        /// How many.
        blobs: u64,
        /// How many bytes they had.
        bytes: u64,
    },
    /// Somebody is adding to the store or reading from it; the next removal deletes them.
    Postponed,
}

impl Store {
    /// Deletes the blobs that no image needs, unless somebody holds the store.
    ///
    /// A blob that is being added belongs to no image yet, which is why a held store is left alone.
    pub fn sweep(&self) -> Result<Sweep> {
        let Some(_lock) = Lock::try_exclusive(&self.root.join("store.lock"))? else {
            return Ok(Sweep::Postponed);
        };
        let needed = self.needed()?;
        let (blobs, bytes) = delete_others(&self.root.join("blobs/sha256"), |name| needed.contains(name))?;
        delete_others(&self.root.join("facts"), |name| {
            needed.contains(name.split('.').next().unwrap_or(name))
        })?;
        // Nobody is adding now, so these are from processes that were killed. The index's own file lives here
        // for a moment too: its lock is taken so that it is not caught on its way.
        let _index = Lock::exclusive(&self.root.join("index.lock"))?;
        delete_others(&self.root.join("ingest"), |_| false)?;
        Ok(Sweep::Done { blobs, bytes })
    }

    /// Returns the hexadecimal names of all blobs that the index leads to.
    fn needed(&self) -> Result<BTreeSet<String>> {
        let mut needed = BTreeSet::new();
        for entry in self.index()?.manifests {
            self.add_needed(&entry.digest, entry.is_index(), &mut needed)?;
        }
        Ok(needed)
    }

    fn add_needed(&self, digest: &Digest, is_index: bool, needed: &mut BTreeSet<String>) -> Result<()> {
        if !needed.insert(digest.hex()) {
            return Ok(());
        }
        if is_index {
            let index: Index = self.document(digest)?;
            return index.manifests.iter().try_for_each(|entry| {
                // A layout may list platforms it does not hold.
                if self.has_blob(&entry.digest) {
                    self.add_needed(&entry.digest, entry.is_index(), needed)
                } else {
                    Ok(())
                }
            });
        }
        let manifest: Manifest = self.document(digest)?;
        needed.insert(manifest.config.digest.hex());
        needed.extend(manifest.layers.iter().map(|layer| layer.digest.hex()));
        Ok(())
    }
}

/// Deletes the files whose names are not `kept` and returns their count and bytes.
fn delete_others(directory: &Path, kept: impl Fn(&str) -> bool) -> Result<(u64, u64)> {
    let delete = || -> std::io::Result<(u64, u64)> {
        let (mut count, mut bytes) = (0, 0);
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(&kept) {
                bytes += entry.metadata()?.len();
                count += 1;
                fs::remove_file(entry.path())?;
            }
        }
        Ok((count, bytes))
    };
    delete().problem_with(Class::Machine, || format!("cannot clean {}", directory.display()))
}
