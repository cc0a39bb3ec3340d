//! What an image promises and asks for, once its labels are read.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Digest, Environment, ImageName, KubernetesVersion};

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// Brings Kubernetes.
    Rootfs,
    /// Is laid over the rootfs.
    Patch,
    /// Is launched on the running cluster.
    Application,
}

/// Where a layer's content is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerContent {
    /// Anywhere.
    Everything,
    /// It has nothing outside `registry/`, so only machines with a registry need it.
    Registry,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// The digest of the stored blob.
    pub digest: Digest,
    /// The digest of the unpacked tar.
    pub diff_id: Digest,
    /// The blob's bytes.
    pub size: u64,
    /// The bytes it takes on a disk.
    pub unpacked_size: u64,
    /// The files and directories in it.
    pub files: u64,
    /// `gzip`, `zstd` or `none`.
    pub compression: String,
    /// Where it is used.
    pub content: LayerContent,
}

/// The texts of an image's scripts, as its labels or the contract's defaults have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scripts {
    /// Installs what a node needs.
    pub init: String,
    /// Removes it.
    pub clean: String,
    /// Looks whether a machine is fit.
    pub check: String,
    /// Starts the registry.
    pub init_registry: String,
    /// Removes the registry.
    pub clean_registry: String,
    /// Installs the container runtime, where the image has a step of its own for it.
    pub init_cri: Option<String>,
    /// Removes the container runtime, where the image has a step of its own for it.
    pub clean_cri: Option<String>,
}

/// An image as the cluster sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageContract {
    /// As the operator named it.
    pub name: ImageName,
    /// Its manifest's digest.
    pub manifest: Digest,
    /// What it is for.
    pub kind: ImageKind,
    /// The Kubernetes it brings.
    pub version: Option<KubernetesVersion>,
    /// Its variables, without PATH.
    pub environment: Environment,
    /// Its scripts.
    pub scripts: Scripts,
    /// The virtual address it asks for.
    pub vip: Option<IpAddr>,
    /// Its commands, each one a line of shell.
    pub commands: Vec<String>,
    /// Its layers, lowest first.
    pub layers: Vec<LayerInfo>,
    /// Its `etc/kubeadm.yml`.
    pub kubeadm: Option<String>,
}
