//! The image store: an OCI image layout that several processes may use at once.
//!
//! Below `<home>/images` lie `blobs/sha256/`, `index.json` and `oci-layout`, which any OCI tool reads, and beside
//! them `ingest/` (blobs on their way in), `facts/` (what is known of foreign layers) and two locks. `store.lock`
//! is shared by all who add or read and taken alone to delete; `index.lock` is taken to change the index.

mod blobs;
mod catalog;
mod files;
mod garbage;
mod image;
mod lock;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use blobs::corrupt;
pub use blobs::{BlobWriter, CheckedBlob};
pub use catalog::Listed;
pub use garbage::Sweep;
pub use image::{Image, ImageConfig};

use self::lock::Lock;
use super::document;
use crate::error::{Class, Context, Result};

/// The images of this operator.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// While it lives, nothing is deleted from the store.
#[derive(Debug)]
pub struct Hold {
    _lock: Lock,
}

impl Store {
    /// Opens the store below sealift's home directory and makes it if it is not there.
    pub fn open(home: &Path) -> Result<Self> {
        let store = Self { root: home.join("images") };
        for directory in ["blobs/sha256", "ingest", "facts"] {
            let path = store.root.join(directory);
            fs::create_dir_all(&path)
                .problem_with(Class::Machine, || format!("cannot make the image store {}", path.display()))?;
        }
        let layout = store.root.join("oci-layout");
        if !layout.exists() {
            store.write_file(&layout, document::LAYOUT.as_bytes())?;
        }
        Ok(store)
    }

    /// Keeps everything in the store from deletion for as long as the answer lives.
    ///
    /// Whoever adds blobs holds the store until an image names them; whoever resolved an image and goes on to read
    /// its layers holds it meanwhile.
    pub fn hold(&self) -> Result<Hold> {
        Ok(Hold { _lock: Lock::shared(&self.root.join("store.lock"))? })
    }

    /// Writes a small file whole or not at all.
    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.root.join("ingest"))?;
            std::io::Write::write_all(&mut file, bytes)?;
            blobs::place_durably(file, path)
        };
        write().problem_with(Class::Machine, || format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests;
