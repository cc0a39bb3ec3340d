//! What an agent is asked about the registry of its control plane, and brings there.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, ManifestOrder, RegistryDoor};

/// Asks whether a registry answers, is the one it should be, and lets in who comes. Changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TryRegistry {
    /// The registry.
    pub door: RegistryDoor,
}

/// Asks what a registry serves. Changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListRegistry {
    /// The registry.
    pub door: RegistryDoor,
}

/// Asks which of these blobs a repository lacks. Changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LacksBlobs {
    /// The registry.
    pub door: RegistryDoor,
    /// The repository.
    pub repository: String,
    /// The blobs.
    pub blobs: Vec<Digest>,
}

/// Sends a blob along, which goes into a repository if it has its digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutBlob {
    /// The cluster the machine must belong to.
    pub cluster: String,
    /// The registry.
    pub door: RegistryDoor,
    /// The repository.
    pub repository: String,
    /// The blob.
    pub blob: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Gives a repository that has the blobs the manifest that names them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutManifest {
    /// The cluster the machine must belong to.
    pub cluster: String,
    /// The registry.
    pub door: RegistryDoor,
    /// The manifest.
    pub manifest: ManifestOrder,
}
