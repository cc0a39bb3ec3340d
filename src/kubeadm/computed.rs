//! What sealift computes: defaults that others may change, and the identity that nobody may.

use serde_json::{Value, json};

use super::layers::Layers;
use super::render::{API_NAME, API_PORT, ClusterSettings, ImageSource, JOIN_TOKEN, JoinTicket, NodeSettings};
use crate::model::ControlGroups;

const INIT: &str = "InitConfiguration";
const CLUSTER: &str = "ClusterConfiguration";
const JOIN: &str = "JoinConfiguration";
const KUBELET: &str = "KubeletConfiguration";
const PROXY: &str = "KubeProxyConfiguration";

/// A value of the cluster's identity: a user's that differs is an error, and so is its removal.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) kind: &'static str,
    pub(super) path: &'static [&'static str],
    pub(super) value: Value,
    pub(super) why: &'static str,
}

/// Returns the driver that fits what systemd does with a machine's control groups.
pub fn cgroup_driver(groups: ControlGroups) -> &'static str {
    match groups {
        ControlGroups::V2 => "systemd",
        ControlGroups::V1 => "cgroupfs",
    }
}

/// Puts in what follows from the machines and the version. Only what this version knows is kept of it.
pub(super) fn defaults(layers: &mut Layers, cluster: &ClusterSettings<'_>, node: &NodeSettings) {
    for kind in [INIT, JOIN] {
        let socket = format!("unix://{}", node.cri_socket);
        layers.set(
            kind,
            &["nodeRegistration", "criSocket"],
            &json!(socket),
            "the container runtime that the image brings",
        );
        layers.set(
            kind,
            &["nodeRegistration", "imagePullSerial"],
            &json!(false),
            "images are pulled side by side",
        );
    }
    if node.images == ImageSource::Shim {
        for kind in [INIT, JOIN] {
            let why = "the image's shim fetches images before";
            layers.set(kind, &["nodeRegistration", "imagePullPolicy"], &json!("Never"), why);
        }
    }
    if cluster.single {
        layers.set(INIT, &["nodeRegistration", "taints"], &json!([]), "the only machine takes workloads");
    }
    let token = json!([{"description": JOIN_TOKEN, "ttl": "1h0m0s"}]);
    layers.set(INIT, &["bootstrapTokens"], &token, "a token that is deleted when machines have joined");
    layers.set(CLUSTER, &["clusterName"], &json!(cluster.name), "the cluster's name");
    kubelet(layers, cluster);
    layers.set(PROXY, &["mode"], &json!(cluster.proxy), "by the version and the oldest kernel");
    if !cluster.may_set_conntrack {
        let limits = json!({"maxPerCore": 0, "min": 0});
        layers.set(PROXY, &["conntrack"], &limits, "a machine does not let its limits be set");
    }
}

fn kubelet(layers: &mut Layers, cluster: &ClusterSettings<'_>) {
    let driver = json!(cgroup_driver(cluster.control_groups));
    layers.set(KUBELET, &["cgroupDriver"], &driver, "the machines' control groups");
    layers.set(KUBELET, &["serializeImagePulls"], &json!(false), "images are pulled side by side");
    layers.set(KUBELET, &["maxParallelImagePulls"], &json!(5), "images are pulled side by side");
    if cluster.any_control_groups_v1 {
        layers.set(KUBELET, &["failCgroupV1"], &json!(false), "a machine has the old control groups");
    }
    if cluster.containers {
        let why = "machines are containers: the disk and the swap are their host's";
        let limits = json!({"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"});
        layers.add(KUBELET, &["evictionHard"], &limits, why);
        layers.set(KUBELET, &["imageGCHighThresholdPercent"], &json!(100), why);
        layers.set(KUBELET, &["failSwapOn"], &json!(false), why);
    }
}

/// Returns what makes the cluster and the first control plane what they are.
pub(super) fn identity_of_init(cluster: &ClusterSettings<'_>, node: &NodeSettings) -> Vec<Claim> {
    let mut claims = registration(INIT, node);
    claims.extend(endpoint(
        INIT,
        &["localAPIEndpoint", "advertiseAddress"],
        &["localAPIEndpoint", "bindPort"],
        node,
    ));
    let network = cluster.network;
    let endpoint = format!("{API_NAME}:{API_PORT}");
    for (path, value, why) in [
        (["kubernetesVersion"].as_slice(), cluster.version.to_string(), "the version that the image brings"),
        (&["controlPlaneEndpoint"], endpoint, "the name that every machine knows; care balances behind it"),
        (&["networking", "podSubnet"], network.pods.to_string(), "the cluster's pod network"),
        (&["networking", "serviceSubnet"], network.services.to_string(), "the cluster's Service network"),
        (&["networking", "dnsDomain"], network.dns_domain.clone(), "the cluster's DNS domain"),
        (&["certificatesDir"], "/etc/kubernetes/pki".to_owned(), "where sealift looks for certificates"),
    ] {
        claims.push(Claim { kind: CLUSTER, path, value: json!(value), why });
    }
    let value = json!(network.dns_domain);
    claims.push(Claim { kind: KUBELET, path: &["clusterDomain"], value, why: "the cluster's DNS domain" });
    claims
}

/// Returns what lets a machine in, and what it is there.
pub(super) fn identity_of_join(node: &NodeSettings, ticket: &JoinTicket) -> Vec<Claim> {
    let mut claims = registration(JOIN, node);
    let token = json!({
        "apiServerEndpoint": ticket.endpoint.to_string(),
        "token": ticket.token,
        "caCertHashes": [ticket.authority],
    });
    let path = &["discovery", "bootstrapToken"];
    claims.push(Claim { kind: JOIN, path, value: token, why: "a token of this run's" });
    if let Some(key) = &ticket.certificate_key {
        let address = &["controlPlane", "localAPIEndpoint", "advertiseAddress"];
        claims.extend(endpoint(JOIN, address, &["controlPlane", "localAPIEndpoint", "bindPort"], node));
        let path = &["controlPlane", "certificateKey"];
        claims.push(Claim { kind: JOIN, path, value: json!(key), why: "a key of this run's" });
    }
    claims
}

fn registration(kind: &'static str, node: &NodeSettings) -> Vec<Claim> {
    let address = &["nodeRegistration", "kubeletExtraArgs", "node-ip"];
    let (own, why) = match node.second_address {
        None => (node.address.to_string(), "the machine's address"),
        Some(second) => (format!("{},{second}", node.address), "the machine's addresses, one of each family"),
    };
    vec![
        Claim {
            kind,
            path: &["nodeRegistration", "name"],
            value: json!(node.name),
            why: "the machine's host name",
        },
        Claim { kind, path: address, value: json!(own), why },
    ]
}

fn endpoint(
    kind: &'static str,
    address: &'static [&'static str],
    port: &'static [&'static str],
    node: &NodeSettings,
) -> [Claim; 2] {
    [
        Claim { kind, path: address, value: json!(node.address), why: "the machine's address" },
        Claim {
            kind,
            path: port,
            value: json!(API_PORT),
            why: "the port that care and every machine expect",
        },
    ]
}

/// Returns the names and addresses that the API servers' certificates have in any case.
pub(super) fn certificate_names(cluster: &ClusterSettings<'_>) -> Vec<String> {
    let mut names = vec!["127.0.0.1".to_owned(), API_NAME.to_owned(), cluster.network.vip.to_string()];
    for name in &cluster.sans {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Fields that hold secrets of a run: nobody else gives them, and an image that does would give them to everybody.
pub(super) const SECRETS: [(&str, &[&str]); 6] = [
    (INIT, &["certificateKey"]),
    (INIT, &["bootstrapTokens"]),
    (JOIN, &["discovery", "bootstrapToken"]),
    (JOIN, &["discovery", "tlsBootstrapToken"]),
    (JOIN, &["discovery", "file"]),
    (JOIN, &["controlPlane", "certificateKey"]),
];

/// Fields that an image's file has because it was written elsewhere: what they say there holds for no cluster of ours. Only the
/// operator's documents may say otherwise.
pub(super) const NOT_THE_IMAGES: [(&str, &[&str]); 3] = [
    (INIT, &["nodeRegistration", "criSocket"]),
    (JOIN, &["nodeRegistration", "criSocket"]),
    (CLUSTER, &["clusterName"]),
];

/// Fields of what a cluster keeps of its configuration that say the same of it whatever an image's file says there: sealift decides
/// them.
pub const NOT_OF_A_FILE: [(&str, &[&str]); 8] = [
    (CLUSTER, &["kubernetesVersion"]),
    (CLUSTER, &["controlPlaneEndpoint"]),
    (CLUSTER, &["networking", "podSubnet"]),
    (CLUSTER, &["networking", "serviceSubnet"]),
    (CLUSTER, &["networking", "dnsDomain"]),
    (CLUSTER, &["certificatesDir"]),
    (CLUSTER, &["clusterName"]),
    (KUBELET, &["clusterDomain"]),
];
