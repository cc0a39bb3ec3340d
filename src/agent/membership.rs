//! Whether this machine's kubelet was let into a cluster.

use std::path::Path;

use super::paths;

/// What kubelet asks to be let in with; kubeadm takes it away when that has happened.
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";

/// The certificate that it is let in with.
const CERTIFICATE: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// Tells whether kubelet was let in.
///
/// One whose token was gone before it was let in, since its machine lost power meanwhile, writes its own configuration all the
/// same, and asks as nobody for ever.
pub(super) fn was_let_in() -> bool {
    was_let_in_at(Path::new("/"))
}

fn was_let_in_at(root: &Path) -> bool {
    let is_there = |path: &str| root.join(path.trim_start_matches('/')).exists();
    is_there(paths::KUBELET) && (is_there(CERTIFICATE) || !is_there(BOOTSTRAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_without_a_certificate_lets_nobody_in_that_still_asks() {
        for (there, let_in) in [
            (&[][..], false),
            (&[BOOTSTRAP], false),
            (&[BOOTSTRAP, paths::KUBELET], false),
            (&[BOOTSTRAP, paths::KUBELET, CERTIFICATE], true),
            (&[paths::KUBELET, CERTIFICATE], true),
            // The first control plane's has its certificate in itself until kubeadm is done.
            (&[paths::KUBELET], true),
        ] {
            let root = tempfile::tempdir().unwrap();
            for path in there {
                let path = root.path().join(path.trim_start_matches('/'));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            assert_eq!(was_let_in_at(root.path()), let_in, "{there:?}");
        }
    }
}
