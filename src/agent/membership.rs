//! Whether this machine's kubelet was let into a cluster.

use std::path::Path;

use super::paths;
use crate::model::Role;

/// What kubelet asks to be let in with; kubeadm takes it away when that has happened.
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";

/// The certificate that it is let in with.
const CERTIFICATE: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// Tells whether kubelet was let in.
///
/// A worker's whose token was gone before it was let in, since its machine lost power meanwhile, has a configuration all the
/// same, and asks as nobody for ever. A control plane is a member of etcd before its kubelet is let in: what began there is
/// never taken for nothing.
pub(super) fn was_let_in(role: Role) -> bool {
    was_let_in_at(Path::new("/"), role)
}

fn was_let_in_at(root: &Path, role: Role) -> bool {
    let is_there = |path: &str| root.join(path.trim_start_matches('/')).exists();
    let still_asks = role == Role::Worker && is_there(BOOTSTRAP) && !is_there(CERTIFICATE);
    is_there(paths::KUBELET) && !still_asks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_with_a_configuration_and_no_certificate_is_not_in_while_it_asks() {
        use Role::{ControlPlane, Worker};
        for (role, there, let_in) in [
            (Worker, &[][..], false),
            (Worker, &[BOOTSTRAP], false),
            (Worker, &[BOOTSTRAP, paths::KUBELET], false),
            (Worker, &[BOOTSTRAP, paths::KUBELET, CERTIFICATE], true),
            (Worker, &[paths::KUBELET, CERTIFICATE], true),
            (Worker, &[paths::KUBELET], true),
            (ControlPlane, &[BOOTSTRAP], false),
            (ControlPlane, &[BOOTSTRAP, paths::KUBELET], true),
            (ControlPlane, &[paths::KUBELET], true),
        ] {
            let root = tempfile::tempdir().unwrap();
            for path in there {
                let path = root.path().join(path.trim_start_matches('/'));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            assert_eq!(was_let_in_at(root.path(), role), let_in, "{role:?} {there:?}");
        }
    }
}
