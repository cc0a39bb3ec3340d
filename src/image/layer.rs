//! Layers: how one is compressed, what is known of its content, and how its tar is read.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::document::{self, Descriptor};
use crate::error::{Class, Context, Result};
use crate::model::{Compression, Digest, DigestWriter, LayerContent};

/// Annotation: the sum of the sizes of the layer's files, in bytes.
const UNPACKED_SIZE: &str = "io.sealift.layer.unpacked-size";
/// Annotation: how many files, directories and links the layer makes.
const FILES: &str = "io.sealift.layer.files";
/// Annotation: `registry`, `files` or `everything`.
const CONTENT: &str = "io.sealift.layer.content";

/// The directory of an image that holds the cluster's registry.
pub(crate) const REGISTRY_DIRECTORY: &str = "registry";

/// The entry that takes that directory of lower layers away.
const WHITEOUT_OF_REGISTRY: &str = ".wh.registry";

impl Compression {
    /// Reads it off a layer's media type, OCI's or Docker's.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        if [document::LAYER, "application/vnd.docker.image.rootfs.diff.tar"].contains(&media_type) {
            Some(Self::None)
        } else if media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip") {
            Some(Self::Gzip)
        } else if media_type.ends_with("+zstd") || media_type.ends_with(".tar.zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// Recognises it by the first bytes of the content.
    pub fn of_magic(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Returns the OCI media type of a layer so compressed.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::None => document::LAYER,
            Self::Gzip => document::LAYER_GZIP,
            Self::Zstd => document::LAYER_ZSTD,
        }
    }

    /// Wraps a compressed stream into the stream of its content.
    pub fn decode<'a>(self, compressed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::None => Box::new(compressed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(compressed))),
            Self::Zstd => Box::new(zstd::Decoder::new(compressed)?),
        })
    }
}

/// What is known of a layer's content without looking at it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// The sum of the sizes of its regular files, in bytes, without the file system's own rounding.
    pub unpacked_size: u64,
    /// How many inodes it makes at most: files, directories and links.
    pub files: u64,
    /// Where it has to go.
    pub content: LayerContent,
}

impl LayerFacts {
    /// Returns the facts of a layer without entries.
    pub(crate) fn nothing() -> Self {
        Self { unpacked_size: 0, files: 0, content: LayerContent::Everything }
    }

    /// Counts one entry of the tar.
    pub(crate) fn count(&mut self, path: &Path, size: u64) {
        let here = content_of(path);
        if self.files == 0 {
            self.content = here;
        } else if self.content != here {
            self.content = LayerContent::Everything;
        }
        self.files += 1;
        self.unpacked_size += size;
    }

    /// Reads them from a descriptor's annotations; `None` when another tool made the layer.
    pub(crate) fn of_annotations(annotations: &BTreeMap<String, String>) -> Option<Self> {
        let number = |key: &str| annotations.get(key)?.parse().ok();
        let content = match annotations.get(CONTENT)?.as_str() {
            "registry" => LayerContent::Registry,
            "files" => LayerContent::Files,
            "everything" => LayerContent::Everything,
            _ => return None,
        };
        Some(Self { unpacked_size: number(UNPACKED_SIZE)?, files: number(FILES)?, content })
    }

    /// Writes them into a descriptor's annotations.
    pub(crate) fn annotate(&self, descriptor: &mut Descriptor) {
        let content = match self.content {
            LayerContent::Everything => "everything",
            LayerContent::Registry => "registry",
            LayerContent::Files => "files",
        };
        let annotations = &mut descriptor.annotations;
        annotations.insert(UNPACKED_SIZE.to_owned(), self.unpacked_size.to_string());
        annotations.insert(FILES.to_owned(), self.files.to_string());
        annotations.insert(CONTENT.to_owned(), content.to_owned());
    }
}

/// Returns what one entry changes: the registry's directory, or other files. A whiteout of the directory is both.
fn content_of(path: &Path) -> LayerContent {
    let first =
        path.components().find(|component| !matches!(component, Component::CurDir | Component::RootDir));
    match first {
        Some(Component::Normal(name)) if name == REGISTRY_DIRECTORY => LayerContent::Registry,
        Some(Component::Normal(name)) if name == WHITEOUT_OF_REGISTRY => LayerContent::Everything,
        _ => LayerContent::Files,
    }
}

/// Reads a whole layer and returns the digest of its tar with the facts.
pub(crate) fn examine(compressed: impl Read, compression: Compression) -> Result<(Digest, LayerFacts)> {
    let mut facts = LayerFacts::nothing();
    let diff_id = walk(compressed, compression, |path, entry| {
        facts.count(path, entry.size());
        Ok(())
    })?;
    Ok((diff_id, facts))
}

/// What a visitor of [`walk`] gets: an entry of a tar, readable.
pub(crate) type LayerEntry<'a, 'r> = tar::Entry<'a, &'r mut dyn Read>;

/// Passes every entry of a layer, with its path, to `visit` and returns the digest of the tar.
pub(crate) fn walk(
    compressed: impl Read,
    compression: Compression,
    mut visit: impl FnMut(&Path, &mut LayerEntry<'_, '_>) -> io::Result<()>,
) -> Result<Digest> {
    let read = || -> io::Result<Digest> {
        let mut reader = DigestReader::new(compression.decode(compressed)?);
        let mut archive = tar::Archive::new(&mut reader as &mut dyn Read);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            visit(&path, &mut entry)?;
        }
        // A tar may be followed by padding, which belongs to its digest.
        io::copy(&mut reader, &mut io::sink())?;
        Ok(reader.finish().0)
    };
    read().problem(Class::Config, "a layer cannot be read")
}

/// Passes bytes on from a reader and keeps their count and digest.
pub(crate) struct DigestReader<R> {
    inner: R,
    seen: DigestWriter<io::Sink>,
}

impl<R: Read> DigestReader<R> {
    /// Wraps `inner`.
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, seen: DigestWriter::new(io::sink()) }
    }

    /// Returns the digest and the count of all bytes that were read.
    pub(crate) fn finish(self) -> (Digest, u64) {
        let (_, digest, length) = self.seen.finish();
        (digest, length)
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.seen.write_all(&buffer[..count])?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(paths: &[&str]) -> LayerFacts {
        let mut facts = LayerFacts::nothing();
        for path in paths {
            facts.count(Path::new(path), 10);
        }
        facts
    }

    #[test]
    fn only_what_lies_wholly_below_registry_is_registry_content() {
        for (paths, content) in [
            (&[][..], LayerContent::Everything),
            (&["registry/docker/a", "registry"], LayerContent::Registry),
            (&["./registry/", "./registry/docker"], LayerContent::Registry),
            (&["registry/a", "bin/kubelet"], LayerContent::Everything),
            (&["registry-of-names"], LayerContent::Files),
            (&["charts/registry/a"], LayerContent::Files),
            (&[".wh.registry"], LayerContent::Everything),
        ] {
            assert_eq!(facts(paths).content, content, "{paths:?}");
        }
    }

    #[test]
    fn annotations_read_back() {
        let facts = facts(&["a", "b"]);
        let mut descriptor = Descriptor::new(document::LAYER, Digest::of(b""), 0);
        facts.annotate(&mut descriptor);
        assert_eq!(LayerFacts::of_annotations(&descriptor.annotations), Some(facts));
        descriptor.annotations.insert(CONTENT.to_owned(), "nonsense".to_owned());
        assert_eq!(LayerFacts::of_annotations(&descriptor.annotations), None);
    }
}
