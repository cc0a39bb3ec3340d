//! An image of the store: its configuration and layers, with what is known of their content.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use super::Store;
use crate::error::{Class, Problem, Result};
use crate::image::document::{Configuration, Descriptor, Execution, Manifest};
use crate::image::layer::{self, LayerFacts};
use crate::model::{Arch, Compression, Digest, LayerInfo};

/// An image for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its normalised name.
    pub name: String,
    /// The digest of its manifest, which is the identity of all its content.
    pub manifest: Digest,
    /// What its builder wrote for those who run it.
    pub config: ImageConfig,
    /// Its layers in the order they are applied.
    pub layers: Vec<LayerInfo>,
    /// The architecture of the machines it is for.
    pub arch: Arch,
}

/// What an image's builder wrote for those who run it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// LABEL.
    pub labels: BTreeMap<String, String>,
    /// ENV.
    pub env: BTreeMap<String, String>,
    /// ENTRYPOINT.
    pub entrypoint: Vec<String>,
    /// CMD.
    pub cmd: Vec<String>,
    /// What the builder wrote beside it, into the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Image {
    /// Returns the bytes of all layers as they are stored.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}

impl From<Execution> for ImageConfig {
    fn from(execution: Execution) -> Self {
        Self {
            env: execution.environment(),
            labels: execution.labels.unwrap_or_default(),
            entrypoint: execution.entrypoint.unwrap_or_default(),
            cmd: execution.cmd.unwrap_or_default(),
            annotations: BTreeMap::new(),
        }
    }
}

impl Store {
    /// Reads an image by the digest of its manifest.
    pub(super) fn image(&self, name: &str, digest: &Digest, arch: Arch) -> Result<Image> {
        let read = || {
            let (manifest, configuration) = self.documents(digest)?;
            let diff_ids = &configuration.rootfs.diff_ids;
            if diff_ids.len() != manifest.layers.len() {
                return Err(Problem::new(Class::Config, "the image's configuration does not fit its layers")
                    .saw(format!("{} layers, {} diff ids", manifest.layers.len(), diff_ids.len())));
            }
            let layers = manifest.layers.iter().zip(diff_ids);
            let layers = layers.map(|(layer, diff_id)| self.layer(layer, diff_id)).collect::<Result<_>>()?;
            let config = configuration.config.unwrap_or_default().into();
            let config = ImageConfig { annotations: manifest.annotations(), ..config };
            Ok(Image { name: name.to_owned(), manifest: digest.clone(), config, layers, arch })
        };
        read().map_err(|problem: Problem| problem.saw(format!("in the image `{name}`")))
    }

    /// Reads the two documents of an image.
    pub(crate) fn documents(&self, manifest: &Digest) -> Result<(Manifest, Configuration)> {
        let manifest: Manifest = self.document(manifest)?;
        let configuration = self.document(&manifest.config.digest)?;
        Ok((manifest, configuration))
    }

    /// Reads every blob of the image and compares it with its digest.
    ///
    /// Returns all that are missing or corrupt, not only the first.
    pub fn verify(&self, image: &Image) -> Vec<Problem> {
        let documents = self.documents(&image.manifest).map(|_| ());
        let layers = image.layers.iter().map(|layer| {
            let mut blob = self.read_blob(&layer.digest)?;
            io::copy(&mut blob, &mut io::sink()).map(|_| ()).map_err(as_problem)
        });
        std::iter::once(documents)
            .chain(layers)
            .filter_map(Result::err)
            .map(|problem| problem.saw(format!("in the image `{}`", image.name)))
            .collect()
    }

    fn layer(&self, descriptor: &Descriptor, diff_id: &Digest) -> Result<LayerInfo> {
        let compression = Compression::of_media_type(&descriptor.media_type).ok_or_else(|| {
            Problem::new(Class::Config, format!("the layer {} is of an unknown kind", descriptor.digest))
                .saw(&descriptor.media_type)
        })?;
        let facts = self.layer_facts(descriptor, diff_id, compression)?;
        Ok(LayerInfo {
            digest: descriptor.digest.clone(),
            diff_id: diff_id.clone(),
            size: descriptor.size,
            unpacked_size: facts.unpacked_size,
            files: facts.files,
            compression,
            content: facts.content,
        })
    }

    /// Returns what is known of a layer: from its annotations, from an earlier look, or by looking at it now.
    ///
    /// A look compares the content with the blob's digest and with the diff id. What it finds is kept beside the
    /// blobs and not in the manifest, whose digest other tools know.
    pub(crate) fn layer_facts(
        &self,
        descriptor: &Descriptor,
        diff_id: &Digest,
        compression: Compression,
    ) -> Result<LayerFacts> {
        if let Some(facts) = LayerFacts::of_annotations(&descriptor.annotations) {
            return Ok(facts);
        }
        let path = self.facts_path(&descriptor.digest);
        let kept = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(facts) = kept {
            return Ok(facts);
        }
        let (found, facts) = layer::examine(self.read_blob(&descriptor.digest)?, compression)?;
        if found != *diff_id {
            return Err(Problem::new(Class::Config, format!("the layer {} is corrupt", descriptor.digest))
                .saw(format!("its tar has the digest {found}, and the image says {diff_id}"))
                .remedy("fetch the image again: build, load or pull it"));
        }
        if let Ok(text) = serde_json::to_vec(&facts) {
            self.write_file(&path, &text)?;
        }
        Ok(facts)
    }

    /// Returns where the facts of a foreign layer are kept.
    pub(super) fn facts_path(&self, digest: &Digest) -> std::path::PathBuf {
        self.root.join("facts").join(format!("{}.json", digest.hex()))
    }
}

/// Takes the problem out of an I/O error that a [`super::CheckedBlob`] made, or makes one.
fn as_problem(error: io::Error) -> Problem {
    let text = error.to_string();
    match error.into_inner().and_then(|inner| inner.downcast::<Problem>().ok()) {
        Some(problem) => *problem,
        None => Problem::new(Class::Machine, "cannot read the image store").saw(text),
    }
}
