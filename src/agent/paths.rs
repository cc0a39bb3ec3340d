//! Where sealift keeps things on a machine.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::{Class, Context, Result};
use crate::model::Digest;
pub(super) use crate::model::{data, rootfs};

/// Everything of ours that lasts.
pub(super) const HOME: &str = "/var/lib/sealift";
/// Whose machine it is.
pub(super) const MARKER: &str = "/var/lib/sealift/machine.json";
/// Receipts of opaque work, one file each.
pub(super) const RECEIPTS: &str = "/var/lib/sealift/receipts";
/// What hooks said, one file each.
pub(super) const HOOKS: &str = "/var/lib/sealift/hooks";
/// care's configuration.
pub(super) const CARE_CONFIG: &str = "/var/lib/sealift/care/config.json";
/// The arguments of kubelet that we set, and what they were before.
pub(super) const KUBELET_ARGUMENTS: &str = "/var/lib/sealift/kubelet-arguments.json";
/// Where they are set if kubelet's unit reads them from nowhere else.
pub(super) const KUBELET_ENVIRONMENT: &str = "/var/lib/sealift/kubelet.env";
/// What is put aside of components while they are configured anew.
pub(super) const ASIDE: &str = "/var/lib/sealift/aside";
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
/// The policy that the API server audits by.
pub(super) const AUDIT_POLICY: &str = "/etc/kubernetes/audit-policy.yml";
/// What kubelet authenticates with; its presence means that the machine was let in.
pub(super) const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
/// The certificates of etcd on a control plane.
pub(super) const ETCD_CERTIFICATES: &str = "/etc/kubernetes/pki/etcd";
/// What etcd held before its members were changed.
pub(super) const SNAPSHOTS: &str = "/var/lib/sealift/etcd";
/// The cluster's CA.
pub(super) const AUTHORITY: &str = "/etc/kubernetes/pki/ca.crt";

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

/// Makes a directory that only root may enter.
pub(super) fn make_private(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .problem_with(Class::Machine, || format!("cannot make {}", path.display()))
}

/// Where a machine keeps whose it is and who is at work on it.
#[derive(Debug, Clone)]
pub(super) struct Grounds {
    /// The marker.
    pub(super) marker: PathBuf,
    /// What is gone with a reboot.
    pub(super) run: PathBuf,
}

impl Grounds {
    /// Those of this machine.
    pub(super) fn here() -> Self {
        Self { marker: MARKER.into(), run: RUN.into() }
    }

    /// Held while the marker changes or work begins.
    pub(super) fn gate(&self) -> PathBuf {
        self.run.join("gate")
    }

    /// The newest epoch that was seen while the machine was nobody's.
    pub(super) fn epoch(&self) -> PathBuf {
        self.run.join("epoch")
    }

    /// Held by the agent of the operator who is at work.
    pub(super) fn operator_lock(&self) -> PathBuf {
        self.run.join("operator.lock")
    }

    /// Who that is.
    pub(super) fn operator_note(&self) -> PathBuf {
        self.run.join("operator.json")
    }
}
