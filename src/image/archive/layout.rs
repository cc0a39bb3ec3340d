//! OCI image layouts of others: their images found by name and brought into the store.

use super::files::Files;
use crate::error::{Class, Problem, Result};
use crate::image::ImageReference;
use crate::image::document::{Descriptor, Index, Manifest, Platform, REF_NAME};
use crate::image::store::Store;
use crate::model::{Arch, Digest};

/// Where containerd and newer Docker engines write an image's whole name.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// An OCI image layout, as a directory or an archive.
#[derive(Debug)]
pub(crate) struct Layout {
    files: Files,
    index: Index,
}

/// Whether blobs that the store has already are written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// They are taken for good.
    Keep,
    /// They are written again, which mends corrupt ones.
    Replace,
}

impl Layout {
    /// Reads the index; `None` when the files are no OCI layout.
    pub(crate) fn of(files: Files) -> Result<Result<Self, Files>> {
        let index = if files.file("oci-layout")?.is_some() { files.document("index.json")? } else { None };
        Ok(match index {
            Some(index) => Ok(Self { files, index }),
            None => Err(files),
        })
    }

    /// Returns the images of the index: their names, where they have one, and descriptors.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Option<ImageReference>, &Descriptor)> {
        self.index.manifests.iter().map(|entry| (name_of(entry), entry))
    }

    /// Returns the single images that an entry leads to, an index's platforms one by one.
    pub(crate) fn images(&self, entry: &Descriptor) -> Result<Vec<(Arch, Descriptor)>> {
        if entry.is_index() {
            let index: Index = self.checked_document(entry)?;
            let here = |platform: &Descriptor| {
                self.files.file(&blob_path(&platform.digest)).is_ok_and(|f| f.is_some())
            };
            let platforms: Vec<Descriptor> = index.manifests.into_iter().filter(here).collect();
            let images =
                platforms.iter().map(|platform| self.images(platform)).collect::<Result<Vec<_>>>()?;
            return Ok(images.concat());
        }
        let platform = if let Some(platform) = &entry.platform {
            platform.clone()
        } else {
            let manifest: Manifest = self.checked_document(entry)?;
            self.checked_document::<Platform>(&manifest.config)?
        };
        let arch = [Arch::Amd64, Arch::Arm64].into_iter().find(|arch| platform.is_linux(*arch));
        Ok(arch.map(|arch| (arch, entry.clone())).into_iter().collect())
    }

    /// Brings one image's blobs into the store, which the caller holds; each is compared with its digest.
    pub(crate) fn import(&self, store: &Store, image: &Descriptor, existing: Existing) -> Result<()> {
        let manifest: Manifest = self.checked_document(image)?;
        for blob in manifest.layers.iter().chain([&manifest.config, image]) {
            self.import_blob(store, blob, existing)?;
        }
        Ok(())
    }

    /// Brings one blob into the store and compares it with its digest.
    pub(crate) fn import_blob(&self, store: &Store, blob: &Descriptor, existing: Existing) -> Result<()> {
        if existing == Existing::Keep && store.has_blob(&blob.digest) {
            return Ok(());
        }
        let content = self.files.file(&blob_path(&blob.digest))?.ok_or_else(|| self.missing(&blob.digest))?;
        store
            .ingest_from(content, Some(&blob.digest))
            .map(|_| ())
            .map_err(|problem| problem.saw(format!("in {}", self.files.name())))
    }

    fn checked_document<T: serde::de::DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T> {
        let path = blob_path(&descriptor.digest);
        let bytes = self.files.bytes(&path)?.ok_or_else(|| self.missing(&descriptor.digest))?;
        let found = Digest::of(&bytes);
        if found != descriptor.digest {
            return Err(crate::image::store::corrupt(&descriptor.digest, &found)
                .saw(format!("in {}", self.files.name())));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(
                Class::Config,
                format!("{path} in {} is not the document it should be", self.files.name()),
            )
            .saw(error)
        })
    }

    fn missing(&self, digest: &Digest) -> Problem {
        Problem::new(Class::Config, format!("{} has no blob {digest}", self.files.name()))
            .remedy("it was not copied whole: save or copy it again")
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Returns the name of an index's entry; a bare tag is no name.
fn name_of(entry: &Descriptor) -> Option<ImageReference> {
    let whole = entry.annotations.get(CONTAINERD_NAME);
    let name =
        whole.or_else(|| entry.annotations.get(REF_NAME).filter(|name| name.contains([':', '/', '@'])));
    name.and_then(|name| name.parse().ok())
}
