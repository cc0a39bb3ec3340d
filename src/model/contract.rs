//! What an image promises and asks for, once its labels are read.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Arch, Bundle, Config, Digest, Environment, ImageName, KubernetesVersion};

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
pub enum LayerContent {
    /// Files outside `registry/` and files below it, or nobody has looked.
    Everything,
    /// Nothing below `registry/`.
    Files,
    /// Only files below `registry/`, which no machine without a registry reads.
    Registry,
}

/// A layer of an image, as the operator's side knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInfo {
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
    pub content: LayerContent,
}

impl LayerInfo {
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

/// The texts of an image's scripts, as its labels or, for a rootfs, the contract's defaults have them. What another image does
/// not name is empty.
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

impl Scripts {
    /// Puts the scripts that a later image names in the place of these.
    pub fn overlay(&mut self, later: &Self) {
        for (own, other) in [
            (&mut self.init, &later.init),
            (&mut self.clean, &later.clean),
            (&mut self.check, &later.check),
            (&mut self.init_registry, &later.init_registry),
            (&mut self.clean_registry, &later.clean_registry),
        ] {
            if !other.is_empty() {
                own.clone_from(other);
            }
        }
        for (own, other) in [(&mut self.init_cri, &later.init_cri), (&mut self.clean_cri, &later.clean_cri)] {
            if other.is_some() {
                own.clone_from(other);
            }
        }
    }
}

/// An image as the cluster sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageContract {
    /// As the operator named it.
    pub name: ImageName,
    /// Its manifest's digest.
    pub manifest: Digest,
    /// The architecture of the machines it is for.
    pub arch: Arch,
    /// What it is for.
    pub kind: ImageKind,
    /// The Kubernetes it brings.
    pub version: Option<KubernetesVersion>,
    /// Its variables, without PATH.
    pub environment: Environment,
    /// Its scripts; [`ImageContract::named_scripts`] tells which of them its labels name.
    pub scripts: Scripts,
    /// Whether its scripts are those that its labels name, and no others. What a former version kept of an image has the
    /// defaults of a rootfs, whatever the image is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scripts_are_named: bool,
    /// The virtual address it asks for.
    pub vip: Option<IpAddr>,
    /// Its commands, each one a line of shell.
    pub commands: Vec<String>,
    /// How many of the commands come from ENTRYPOINT: the operator's command replaces those after them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub entrypoint_commands: usize,
    /// Its layers, lowest first.
    pub layers: Vec<LayerInfo>,
    /// The pod networks that it says it brings, by name: `calico`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_networks: Vec<String>,
    /// Its `etc/kubeadm.yml`.
    pub kubeadm: Option<String>,
    /// The Configs that it brings for its own files, in its `config.yml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<Config>,
    /// What it launches, where it says so by application. A rootfs with some is launched as applications are, once the
    /// cluster is there.
    #[serde(default, skip_serializing_if = "Bundle::is_empty")]
    pub bundle: Bundle,
}

/// Returns the images that every machine needs: the rootfs and what is laid over it.
pub fn base_images(images: &[ImageContract]) -> impl DoubleEndedIterator<Item = &ImageContract> + Clone {
    images.iter().filter(|image| image.kind != ImageKind::Application)
}

/// The variable that every rootfs of sealer's has, and no other.
const SEALERS: &str = "RegistryDomain";

impl ImageContract {
    /// Tells whether it is an image of sealer's that brings Kubernetes: such a one may launch applications as well.
    pub fn is_rootfs_of_sealer(&self) -> bool {
        let is_sealers = || !self.bundle.is_empty() || self.environment.contains_key(SEALERS);
        self.kind == ImageKind::Rootfs && is_sealers()
    }

    /// Returns the scripts that the image's labels name; of a rootfs all, by their labels or the contract's defaults.
    pub fn named_scripts(&self) -> Scripts {
        let mut scripts = self.scripts.clone();
        if self.kind == ImageKind::Rootfs || self.scripts_are_named {
            return scripts;
        }
        for (script, default) in [
            (&mut scripts.init, "init.sh"),
            (&mut scripts.clean, "clean.sh"),
            (&mut scripts.check, "check.sh"),
            (&mut scripts.init_registry, "init-registry.sh"),
            (&mut scripts.clean_registry, "clean-registry.sh"),
        ] {
            if script == default {
                script.clear();
            }
        }
        scripts
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
