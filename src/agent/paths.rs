//! Where sealift keeps things on a machine.

use std::path::{Path, PathBuf};

use crate::model::Digest;

/// Everything of ours that lasts.
pub(super) const HOME: &str = "/var/lib/sealift";
/// Whose machine it is.
pub(super) const MARKER: &str = "/var/lib/sealift/machine.json";
/// Receipts of opaque work, one file each.
pub(super) const RECEIPTS: &str = "/var/lib/sealift/receipts";
/// care's configuration.
pub(super) const CARE_CONFIG: &str = "/var/lib/sealift/care/config.json";
/// Layers by diffID.
pub(super) const LAYERS: &str = "/var/lib/sealift/layers";
/// Installed agents by their binaries' digests.
pub(super) const AGENTS: &str = "/usr/local/lib/sealift";
/// What is gone with a reboot: work under way, secrets in use.
pub(super) const RUN: &str = "/run/sealift";
/// What kubectl keeps of the API for its next call; by itself it would keep that in root's home.
pub(super) const KUBECTL_CACHE: &str = "/run/sealift/kubectl";
/// The administrator's kubeconfig on a control plane.
pub(super) const ADMIN: &str = "/etc/kubernetes/admin.conf";
/// What kubelet authenticates with; its presence means that the machine was let in.
pub(super) const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
/// The cluster's CA.
pub(super) const AUTHORITY: &str = "/etc/kubernetes/pki/ca.crt";

/// Returns a cluster's data directory.
pub(super) fn data(cluster: &str) -> PathBuf {
    Path::new(HOME).join("data").join(cluster)
}

/// Returns where a cluster's rootfs is laid out.
pub(super) fn rootfs(cluster: &str) -> PathBuf {
    data(cluster).join("rootfs")
}

/// Returns where an application's files are.
pub(super) fn application(cluster: &str, manifest: &Digest) -> PathBuf {
    data(cluster).join("applications").join(manifest.hex())
}

/// Returns the path of an installed agent.
pub(super) fn agent(digest: &Digest) -> PathBuf {
    Path::new(AGENTS).join(digest.hex()).join("sealift")
}

/// Returns the directory of a piece of work.
pub(super) fn work(name: &str) -> PathBuf {
    Path::new(RUN).join("work").join(name)
}
