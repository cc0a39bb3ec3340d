//! What tells that somebody else's Kubernetes or container runtime is here.

use std::collections::BTreeSet;
use std::path::Path;

use super::runtimes;

/// Paths that only a Kubernetes makes.
const OF_KUBERNETES: [&str; 8] = [
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/etcd/member",
    "/var/lib/rancher",
    "/var/lib/k0s",
];

/// Programs and sockets of container runtimes.
const OF_RUNTIMES: [(&str, &str); 9] = [
    ("/usr/bin/containerd", "containerd"),
    ("/usr/local/bin/containerd", "containerd"),
    ("/run/containerd/containerd.sock", "containerd's socket"),
    ("/usr/bin/dockerd", "Docker"),
    ("/var/run/docker.sock", "Docker's socket"),
    ("/usr/bin/crio", "CRI-O"),
    ("/usr/local/bin/crio", "CRI-O"),
    ("/run/crio/crio.sock", "CRI-O's socket"),
    ("/run/cri-dockerd.sock", "cri-dockerd's socket"),
];

/// Paths that a cluster makes and that are told apart from what was there before.
pub(in crate::agent) const OF_A_CLUSTER: [&str; 15] = [
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/var/lib/etcd",
    "/etc/cni",
    "/opt/cni",
    "/var/lib/cni",
    "/run/flannel",
    "/run/netns",
    "/run/nri",
    "/var/log/pods",
    "/var/log/containers",
    "/var/log/kubernetes",
    "/var/lib/containerd",
    "/etc/containerd",
    "/usr/libexec/kubernetes",
];

pub(in crate::agent) fn of_kubernetes() -> Vec<String> {
    OF_KUBERNETES.iter().filter(|path| Path::new(path).exists()).map(|path| (*path).to_owned()).collect()
}

pub(super) fn foreign_runtimes() -> Vec<String> {
    OF_RUNTIMES
        .iter()
        .filter(|(path, _)| Path::new(path).exists())
        .map(|(path, name)| format!("{name} ({path})"))
        .collect()
}

/// Returns which of a cluster's paths are there already.
pub(in crate::agent) fn paths_there() -> BTreeSet<String> {
    paths_of_a_cluster().filter(|path| Path::new(path).exists()).map(str::to_owned).collect()
}

/// Returns every path that a cluster makes, whichever runtime its image brings.
pub(in crate::agent) fn paths_of_a_cluster() -> impl Iterator<Item = &'static str> {
    OF_A_CLUSTER.into_iter().chain(runtimes::directories())
}
