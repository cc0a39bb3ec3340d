//! What is known of a layer before its bytes arrive.

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// How a layer's tar stream is packed for its journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// A plain tar stream.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

/// What a layer changes in an image, as far as it matters for who needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Files outside `registry/` and files below it, or nobody has looked.
    Everything,
    /// Nothing below `registry/`.
    Files,
    /// Only files below `registry/`, which no machine without a registry reads.
    Registry,
}

/// A layer of an image, as the operator's side knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LayerDescriptor {
    /// The digest of the bytes that travel.
    pub digest: Digest,
    /// The digest of the tar stream in them, which names the layer on machines.
    pub diff_id: Digest,
    /// How many bytes travel.
    pub size: u64,
    /// The bytes of all regular files in it.
    pub unpacked_size: u64,
    /// How many entries of any kind it has: so many inodes it takes.
    pub files: u64,
    /// How it is packed.
    pub compression: Compression,
    /// What it changes.
    pub content: Content,
}

impl LayerDescriptor {
    /// Returns what the receiving machine has to be told.
    pub fn order(&self) -> LayerOrder {
        LayerOrder {
            digest: self.digest.clone(),
            diff_id: self.diff_id.clone(),
            size: self.size,
            compression: self.compression,
        }
    }
}

/// What a machine is told about a layer that comes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LayerOrder {
    /// The digest of the bytes that travel.
    pub digest: Digest,
    /// The digest of the tar stream in them.
    pub diff_id: Digest,
    /// How many bytes travel when none are there yet.
    pub size: u64,
    /// How it is packed.
    pub compression: Compression,
}
