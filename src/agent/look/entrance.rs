//! How a control plane came into its cluster, where an older version of this program has not written that down.
//!
//! Source: kubeadm v1.36, `cmd/kubeadm/app/phases/kubeconfig` and `phases/etcd/local.go`.

use std::path::Path;

use crate::fsx;
use crate::model::{Entrance, Marker, Role};

/// Returns the marker with the entrance that is seen on the machine, as far as it says none.
pub(super) fn seen(marker: Marker) -> Marker {
    match (marker.role, marker.entrance) {
        (Role::ControlPlane, None) => Marker { entrance: seen_in(Path::new("/etc/kubernetes")), ..marker },
        _ => marker,
    }
}

fn seen_in(place: &Path) -> Option<Entrance> {
    // Only where a cluster is made there is one, from 1.29 on.
    if place.join("super-admin.conf").exists() {
        return Some(Entrance::Made);
    }
    let etcd = fsx::read_text(&place.join("manifests/etcd.yaml")).unwrap_or_default();
    etcd.contains("--initial-cluster-state=existing").then_some(Entrance::Joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubeadm_left_tells_how_a_control_plane_came_in() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(seen_in(place.path()), None);
        let etcd = place.path().join("manifests/etcd.yaml");
        std::fs::create_dir(etcd.parent().unwrap()).unwrap();
        std::fs::write(&etcd, "- command: [etcd, --initial-cluster=a=https://10.0.0.1:2380]\n").unwrap();
        assert_eq!(seen_in(place.path()), None);
        std::fs::write(&etcd, "- --initial-cluster-state=existing\n").unwrap();
        assert_eq!(seen_in(place.path()), Some(Entrance::Joined));
        // Its member of etcd may have been taken out and let in once more.
        std::fs::write(place.path().join("super-admin.conf"), "").unwrap();
        assert_eq!(seen_in(place.path()), Some(Entrance::Made));
    }
}
