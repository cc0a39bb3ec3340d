//! Docker archives (`docker save`): made anew as OCI images, with their configuration kept to the byte.

use std::io;

use serde::Deserialize;

use super::files::Files;
use crate::error::{Class, Context, Problem, Result};
use crate::image::ImageReference;
use crate::image::build;
use crate::image::document::{CONFIG, Configuration, Descriptor, LAYER_ZSTD, MANIFEST, Manifest, Platform};
use crate::image::store::Store;
use crate::model::Compression;
use crate::model::{Arch, Digest};

/// A docker archive.
#[derive(Debug)]
pub(crate) struct DockerArchive {
    files: Files,
    images: Vec<DockerImage>,
}

/// One image of a docker archive, as its `manifest.json` lists it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl DockerImage {
    /// Returns the names it was saved with.
    pub(crate) fn names(&self) -> Vec<ImageReference> {
        self.repo_tags.iter().flatten().filter_map(|name| name.parse().ok()).collect()
    }
}

impl DockerArchive {
    /// Reads the archive's list of images; gives the files back when it has none.
    pub(crate) fn of(files: Files) -> Result<Result<Self, Files>> {
        Ok(match files.document("manifest.json")? {
            Some(images) => Ok(Self { files, images }),
            None => Err(files),
        })
    }

    /// Returns the images.
    pub(crate) fn images(&self) -> &[DockerImage] {
        &self.images
    }

    /// Returns what an image runs on; `None` when sealift has no agent for it.
    pub(crate) fn arch(&self, image: &DockerImage) -> Result<Option<Arch>> {
        let platform: Platform =
            self.files.document(&image.config)?.ok_or_else(|| self.missing(&image.config))?;
        Ok([Arch::Amd64, Arch::Arm64].into_iter().find(|arch| platform.is_linux(*arch)))
    }

    /// Brings an image into the store, which the caller holds, and returns its new manifest.
    ///
    /// Layers are compressed with zstd; their content is compared with the configuration's diff ids.
    pub(crate) fn import(&self, store: &Store, image: &DockerImage) -> Result<Descriptor> {
        let bytes = self.files.bytes(&image.config)?.ok_or_else(|| self.missing(&image.config))?;
        let configuration: Configuration = serde_json::from_slice(&bytes)
            .problem_with(Class::Config, || {
                format!("{} in {} is no image configuration", image.config, self.files.name())
            })?;
        let diff_ids = &configuration.rootfs.diff_ids;
        if diff_ids.len() != image.layers.len() {
            return Err(Problem::new(
                Class::Config,
                format!("an image in {} does not fit its layers", self.files.name()),
            )
            .saw(format!("{} layers, {} diff ids", image.layers.len(), diff_ids.len())));
        }
        let layers = image.layers.iter().zip(diff_ids);
        let layers = layers.map(|(path, diff_id)| self.layer(store, path, diff_id)).collect::<Result<_>>()?;
        let (digest, size) = store.ingest_from(bytes.as_slice(), None)?;
        let (digest, size) =
            store.ingest_document(&Manifest::of(Descriptor::new(CONFIG, digest, size), layers))?;
        Ok(Descriptor::new(MANIFEST, digest, size))
    }

    fn layer(&self, store: &Store, path: &str, diff_id: &Digest) -> Result<Descriptor> {
        let open = || self.files.file(path)?.ok_or_else(|| self.missing(path));
        let mut start = [0; 4];
        let length =
            io::Read::read(&mut open()?, &mut start).problem(Class::Config, "cannot read a layer")?;
        let compression = Compression::of_magic(&start[..length]);
        let content = open()?;
        let (descriptor, found) = build::compressed(store, LAYER_ZSTD, |out| {
            io::copy(&mut compression.decode(content)?, out).map(|_| ())
        })?;
        if found != *diff_id {
            return Err(Problem::new(Class::Config, format!("a layer in {} is corrupt", self.files.name()))
                .saw(format!("{path} has the digest {found}, and the image says {diff_id}"))
                .remedy("save the image again"));
        }
        Ok(descriptor)
    }

    fn missing(&self, path: &str) -> Problem {
        Problem::new(Class::Config, format!("{} has no file {path}", self.files.name()))
            .remedy("it was not written whole: save it again")
    }
}
