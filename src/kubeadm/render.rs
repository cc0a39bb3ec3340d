//! kubeadm.yml for the first control plane and for every machine that joins.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::Documents;
use crate::error::{Class, Problem, Result};
use crate::model::{ControlGroups, KubernetesVersion, Network};

/// The name of the API server inside the cluster, and its port.
pub const API_NAME: &str = "apiserver.cluster.local";
/// The port of the API server.
pub const API_PORT: u16 = 6443;

/// The description of bootstrap tokens that are made for joins, and that nobody needs when those are over.
pub const JOIN_TOKEN: &str = "sealift: machines join";

/// How kube-proxy forwards; one setting for the whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyMode {
    /// The default of newer Kubernetes; asks for kernel 5.13 on every machine.
    Nftables,
    /// Works everywhere.
    Iptables,
}

impl ProxyMode {
    /// Chooses by version and the oldest kernel, given as `uname -r`.
    pub fn choose<'a>(version: &KubernetesVersion, kernels: impl IntoIterator<Item = &'a str>) -> Self {
        // nftables mode is stable from 1.33 on and its proxier refuses kernels before 5.13
        // (https://kubernetes.io/docs/reference/networking/virtual-ips/).
        let old_kernel = kernels.into_iter().any(|kernel| kernel_version(kernel) < (5, 13));
        if version.minor() >= 33 && !old_kernel { Self::Nftables } else { Self::Iptables }
    }
}

/// Returns major and minor of `uname -r`; what cannot be read counts as old.
fn kernel_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// What is common to the cluster.
#[derive(Debug, Clone)]
pub struct ClusterSettings<'a> {
    /// The cluster's name.
    pub name: &'a str,
    /// The version that the image brings.
    pub version: &'a KubernetesVersion,
    /// Its networks.
    pub network: &'a Network,
    /// More names and addresses for the API server's certificate.
    pub sans: Vec<String>,
    /// How kube-proxy forwards.
    pub proxy: ProxyMode,
    /// Whether every machine lets kube-proxy set its connection-tracking limits.
    pub may_set_conntrack: bool,
    /// The control groups of the machine the ConfigMap is made from.
    pub control_groups: ControlGroups,
    /// Whether any machine has the old control groups.
    pub any_control_groups_v1: bool,
    /// Whether the machines are containers, which see the whole of a disk that is not theirs alone.
    pub containers: bool,
    /// Whether the only machine must take workloads.
    pub single: bool,
    /// The image's `etc/kubeadm.yml`.
    pub image_file: Option<&'a str>,
}

/// What is a node's own.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Its name in Kubernetes.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// Where its container runtime listens, a path.
    pub cri_socket: String,
    /// Where its images are fetched from.
    pub images: ImageSource,
}

/// Who fetches a node's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSource {
    /// The container runtime, for kubeadm as well.
    Runtime,
    /// The image's shim, which kubelet asks and kubeadm does not know of: it finds all fetched.
    Shim,
}

/// What lets a machine in.
#[derive(Clone)]
pub struct JoinTicket {
    /// The API server to join through.
    pub endpoint: SocketAddr,
    /// The bootstrap token.
    pub token: String,
    /// `sha256:` and the hash of the CA's public key.
    pub authority: String,
    /// Decrypts the certificates, for a control plane.
    pub certificate_key: Option<String>,
}

/// Returns the kubeadm.yml of the first control plane.
pub fn init(cluster: &ClusterSettings<'_>, node: &NodeSettings) -> Result<String> {
    let mut documents = defaults(cluster);
    documents.lay_all(&image_documents(cluster)?);
    documents.lay("InitConfiguration", identity(cluster, node));
    documents.lay(
        "InitConfiguration",
        json!({"localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": API_PORT}}),
    );
    documents.lay("ClusterConfiguration", fixed(cluster));
    documents.write(
        &["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"],
        cluster.version,
    )
}

/// Returns the kubeadm.yml of a machine that joins; a control plane when the ticket has a certificate key.
pub fn join(cluster: &ClusterSettings<'_>, node: &NodeSettings, ticket: &JoinTicket) -> Result<String> {
    let mut documents = Documents::default();
    documents.lay_all(&image_documents(cluster)?);
    documents.lay("JoinConfiguration", identity(cluster, node));
    documents.lay(
        "JoinConfiguration",
        json!({"discovery": {"bootstrapToken": {
            "apiServerEndpoint": ticket.endpoint.to_string(),
            "token": ticket.token,
            "caCertHashes": [ticket.authority],
        }}}),
    );
    if let Some(key) = &ticket.certificate_key {
        documents.lay(
            "JoinConfiguration",
            json!({"controlPlane": {
                "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": API_PORT},
                "certificateKey": key,
            }}),
        );
    }
    documents.write(&["JoinConfiguration"], cluster.version)
}

fn image_documents(cluster: &ClusterSettings<'_>) -> Result<Documents> {
    let Some(text) = cluster.image_file else { return Ok(Documents::default()) };
    let documents = Documents::read("the image's etc/kubeadm.yml", text)?;
    if let Some(version) =
        documents.field("ClusterConfiguration", "/kubernetesVersion").and_then(Value::as_str)
        && version.trim_start_matches('v') != cluster.version.to_string().trim_start_matches('v')
    {
        return Err(Problem::new(
            Class::Config,
            format!(
                "the image's etc/kubeadm.yml asks for Kubernetes {version}, but the image brings {}",
                cluster.version
            ),
        )
        .remedy("build the image again without `kubernetesVersion` in its etc/kubeadm.yml"));
    }
    Ok(documents)
}

/// What holds where nobody says otherwise. Kubernetes' own defaults are left alone wherever they are right.
fn defaults(cluster: &ClusterSettings<'_>) -> Documents {
    let mut documents = Documents::default();
    // Images are in the cluster's registry, so pulling side by side costs nothing and saves seconds.
    let serial = if cluster.version.minor() >= 31 { json!({"imagePullSerial": false}) } else { json!({}) };
    documents.lay("InitConfiguration", json!({"nodeRegistration": serial}));
    // kubeadm makes a token by itself otherwise, which nobody could tell from one that somebody wants to keep.
    documents
        .lay("InitConfiguration", json!({"bootstrapTokens": [{"description": JOIN_TOKEN, "ttl": "1h0m0s"}]}));
    documents.lay("ClusterConfiguration", json!({"certificatesDir": "/etc/kubernetes/pki"}));
    let mut kubelet = json!({
        "cgroupDriver": cgroup_driver(cluster.control_groups),
        "serializeImagePulls": false,
    });
    if cluster.version.minor() >= 27 {
        kubelet["maxParallelImagePulls"] = 5.into();
    }
    if cluster.any_control_groups_v1 && cluster.version.minor() >= 31 {
        kubelet["failCgroupV1"] = false.into();
    }
    documents.lay("KubeletConfiguration", kubelet);
    if cluster.containers {
        documents.lay("KubeletConfiguration", in_containers());
    }
    let mut proxy = json!({"mode": cluster.proxy});
    if !cluster.may_set_conntrack {
        proxy["conntrack"] = json!({"maxPerCore": 0, "min": 0});
    }
    documents.lay("KubeProxyConfiguration", proxy);
    documents
}

/// In containers kubelet would evict pods because the host's disk is well used, and refuse to start because the
/// host swaps. Neither is theirs to mend.
fn in_containers() -> Value {
    json!({
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "failSwapOn": false,
    })
}

/// Returns the driver that fits what systemd does with a machine's control groups.
pub fn cgroup_driver(groups: ControlGroups) -> &'static str {
    match groups {
        ControlGroups::V2 => "systemd",
        ControlGroups::V1 => "cgroupfs",
    }
}

/// What nobody may change, since the rest of the cluster is built on it.
fn fixed(cluster: &ClusterSettings<'_>) -> Value {
    let mut sans = vec!["127.0.0.1".to_owned(), API_NAME.to_owned(), cluster.network.vip.to_string()];
    sans.extend(cluster.sans.iter().filter(|san| !sans.contains(san)).cloned().collect::<Vec<_>>());
    json!({
        "clusterName": cluster.name,
        "kubernetesVersion": cluster.version.to_string(),
        "controlPlaneEndpoint": format!("{API_NAME}:{API_PORT}"),
        "networking": {
            "podSubnet": cluster.network.pods.to_string(),
            "serviceSubnet": cluster.network.services.to_string(),
            "dnsDomain": cluster.network.dns_domain,
        },
        "apiServer": {"certSANs": sans},
    })
}

fn identity(cluster: &ClusterSettings<'_>, node: &NodeSettings) -> Value {
    let mut registration = json!({
        "name": node.name,
        "criSocket": format!("unix://{}", node.cri_socket),
        "kubeletExtraArgs": [{"name": "node-ip", "value": node.address.to_string()}],
    });
    if node.images == ImageSource::Shim {
        registration["imagePullPolicy"] = "Never".into();
    }
    if cluster.single {
        registration["taints"] = json!([]);
    }
    json!({"nodeRegistration": registration})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        Network {
            pods: "100.64.0.0/10".parse().unwrap(),
            services: "10.96.0.0/22".parse().unwrap(),
            vip: "10.103.97.2".parse().unwrap(),
            dns_domain: "cluster.local".to_owned(),
        }
    }

    fn settings<'a>(
        version: &'a KubernetesVersion,
        network: &'a Network,
        image_file: Option<&'a str>,
    ) -> ClusterSettings<'a> {
        ClusterSettings {
            name: "default",
            version,
            network,
            sans: vec!["api.example".to_owned(), "127.0.0.1".to_owned()],
            proxy: ProxyMode::choose(version, ["6.1.0-18-amd64"]),
            may_set_conntrack: false,
            control_groups: ControlGroups::V1,
            any_control_groups_v1: true,
            containers: version.minor() > 30,
            single: false,
            image_file,
        }
    }

    fn node() -> NodeSettings {
        NodeSettings {
            name: "node-1".to_owned(),
            address: "10.0.0.1".parse().unwrap(),
            cri_socket: "/run/containerd/containerd.sock".to_owned(),
            images: ImageSource::Runtime,
        }
    }

    fn ticket(certificate_key: Option<&str>) -> JoinTicket {
        JoinTicket {
            endpoint: "10.103.97.2:6443".parse().unwrap(),
            token: "abcdef.0123456789abcdef".to_owned(),
            authority: "sha256:00".to_owned(),
            certificate_key: certificate_key.map(str::to_owned),
        }
    }

    #[test]
    fn the_first_control_plane_of_two_versions() {
        for version in ["v1.36.3", "v1.28.15"] {
            let parsed = version.parse().unwrap();
            let network = network();
            let image = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n  - name: profiling\n    value: \"false\"\n";
            let text = init(&settings(&parsed, &network, Some(image)), &node()).unwrap();
            insta::assert_snapshot!(format!("init-{version}"), text);
        }
    }

    #[test]
    fn joining_as_worker_and_as_control_plane() {
        let version = "v1.36.3".parse().unwrap();
        let network = network();
        let settings = settings(&version, &network, None);
        insta::assert_snapshot!("join-worker", join(&settings, &node(), &ticket(None)).unwrap());
        insta::assert_snapshot!(
            "join-control-plane",
            join(&settings, &node(), &ticket(Some("00ff"))).unwrap()
        );
    }

    #[test]
    fn an_image_that_contradicts_itself_is_refused() {
        let version = "v1.36.3".parse().unwrap();
        let network = network();
        let image = "kind: ClusterConfiguration\nkubernetesVersion: v1.35.0\n";
        assert!(init(&settings(&version, &network, Some(image)), &node()).is_err());
        let image = "kind: Deployment\n";
        assert!(init(&settings(&version, &network, Some(image)), &node()).is_err());
    }

    #[test]
    fn the_proxy_mode_follows_version_and_oldest_kernel() {
        for (version, kernels, want) in [
            ("v1.36.3", vec!["6.1.0", "5.13.1-generic"], ProxyMode::Nftables),
            ("v1.36.3", vec!["6.1.0", "5.10.0"], ProxyMode::Iptables),
            ("v1.32.0", vec!["6.1.0"], ProxyMode::Iptables),
            ("v1.36.3", vec!["rubbish"], ProxyMode::Iptables),
        ] {
            assert_eq!(ProxyMode::choose(&version.parse().unwrap(), kernels), want, "{version}");
        }
    }
}
