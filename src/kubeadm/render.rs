//! kubeadm.yml for the first control plane and for every machine that joins.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::KubeadmApi;
use super::check::{Against, check, keep_known};
use super::computed::{self, Claim, NOT_THE_IMAGES, SECRETS};
use super::explain;
use super::layers::{self, Layers, Written, api_of};
use super::tree::Tree;
use super::{arguments, builtin, conflict, families};
use crate::error::{Problem, Problems, Result};
use crate::model::{ComponentDocument, ControlGroups, Entrance, KubernetesVersion, Network};
use crate::yaml;

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
    /// Whether every control plane has `/etc/localtime`, which its pods are given.
    pub has_local_time: bool,
    /// Whether the only machine must take workloads.
    pub single: bool,
    /// The name of the registry that the image's container images are called by.
    pub registry: Option<&'a str>,
    /// The image's `etc/kubeadm.yml`.
    pub image_file: Option<&'a str>,
    /// The operator's documents.
    pub documents: &'a [ComponentDocument],
}

/// What is a node's own.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Its name in Kubernetes.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// Its address of the other family, in a cluster of both.
    pub second_address: Option<IpAddr>,
    /// Where its container runtime listens, a path.
    pub cri_socket: String,
    /// Where its images are fetched from.
    pub images: ImageSource,
    /// Where the files of the cluster's images are, a path.
    pub rootfs: String,
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

/// A machine's kubeadm.yml in which every value knows where it comes from.
#[derive(Debug, Clone)]
pub struct Rendering {
    documents: Vec<(String, &'static str, Tree)>,
}

impl Rendering {
    /// Returns it as kubeadm reads it.
    pub fn text(&self) -> Result<String> {
        let mut texts = Vec::new();
        for (kind, api, tree) in &self.documents {
            let mut whole = json!({"apiVersion": api, "kind": kind});
            if let (Value::Object(whole), Value::Object(fields)) = (&mut whole, tree.to_value()) {
                whole.extend(fields);
            }
            texts.push(yaml::to_string(&whole)?);
        }
        Ok(texts.join("---\n"))
    }

    /// Returns the document of this kind.
    pub(super) fn document(&self, kind: &str) -> Option<&Tree> {
        self.documents.iter().find(|(present, _, _)| present == kind).map(|(_, _, tree)| tree)
    }

    /// Returns it with the source of every value beside it.
    pub fn explained(&self) -> String {
        let documents = self.documents.iter().map(|(kind, api, tree)| explain::document(kind, api, tree));
        documents.collect::<Vec<_>>().join("---\n")
    }
}

/// Returns the kubeadm.yml of the first control plane.
///
/// # Errors
/// All that is wrong with the image's file and the operator's documents: each problem names where it stands.
pub fn init(cluster: &ClusterSettings<'_>, node: &NodeSettings) -> Result<Rendering, Problems> {
    let claims = computed::identity_of_init(cluster, node);
    let (api, mut layers) = laid(cluster, node, &claims)?;
    let names = computed::certificate_names(cluster);
    layers.add(
        "ClusterConfiguration",
        &["apiServer", "certSANs"],
        &json!(names),
        "the names that the API servers are called by",
    );
    keep_virtual_address(&mut layers, cluster);
    families::say_gate(&mut layers, cluster);
    pull_as_written(&mut layers);
    let kinds =
        ["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"];
    finished(&layers, &kinds, api, cluster)
}

/// Returns the kubeadm.yml of a control plane that is in, by which its components are made anew: with the patches that it came in with,
/// which kubeadm reads in one document whoever it is for.
///
/// # Errors
/// All that is wrong with the image's file and the operator's documents: each problem names where it stands.
pub fn remade(
    cluster: &ClusterSettings<'_>,
    node: &NodeSettings,
    entrance: Entrance,
) -> Result<Rendering, Problems> {
    let mut rendering = init(cluster, node)?;
    if entrance == Entrance::Joined {
        let own = patches(cluster, node, entrance)?;
        let document =
            rendering.documents.iter_mut().find(|(kind, _, _)| *kind == document_of(Entrance::Made));
        if let Some((_, _, tree)) = document {
            tree.take(&["patches"]);
            if let Some(own) = own {
                tree.set(&["patches"], own);
            }
        }
    }
    Ok(rendering)
}

/// Returns the directory on a node that kubeadm takes patches from, if the document that the node came in by names one.
///
/// # Errors
/// All that is wrong with the image's file and the operator's documents: each problem names where it stands.
pub fn patches_directory(
    cluster: &ClusterSettings<'_>,
    node: &NodeSettings,
    entrance: Entrance,
) -> Result<Option<String>, Problems> {
    let patches = patches(cluster, node, entrance)?;
    Ok(patches.and_then(|patches| patches.get(&["directory"])?.text().map(str::to_owned)))
}

fn patches(
    cluster: &ClusterSettings<'_>,
    node: &NodeSettings,
    entrance: Entrance,
) -> Result<Option<Tree>, Problems> {
    let (_, layers) = laid(cluster, node, &computed::identity_of_init(cluster, node))?;
    Ok(layers.get(document_of(entrance), &["patches"]).cloned())
}

fn document_of(entrance: Entrance) -> &'static str {
    match entrance {
        Entrance::Made => "InitConfiguration",
        Entrance::Joined => "JoinConfiguration",
    }
}

/// Returns the kubeadm.yml of a machine that joins; a control plane when the ticket has a certificate key.
///
/// # Errors
/// All that is wrong with the image's file and the operator's documents: each problem names where it stands.
pub fn join(
    cluster: &ClusterSettings<'_>,
    node: &NodeSettings,
    ticket: &JoinTicket,
) -> Result<Rendering, Problems> {
    let claims = computed::identity_of_join(node, ticket);
    let (api, mut layers) = laid(cluster, node, &claims)?;
    if ticket.certificate_key.is_none() {
        layers.take("JoinConfiguration", &["controlPlane"]);
    }
    finished(&layers, &["JoinConfiguration"], api, cluster)
}

/// Lays all layers over each other, from the weakest to the strongest.
fn laid(
    cluster: &ClusterSettings<'_>,
    node: &NodeSettings,
    claims: &[Claim],
) -> Result<(KubeadmApi, Layers), Problems> {
    let api = KubeadmApi::read_by(cluster.version)?;
    let mut problems = vec![];
    let mut take = |written: Result<Vec<Written>, Vec<Problem>>| {
        written.unwrap_or_else(|found| {
            problems.extend(found);
            vec![]
        })
    };
    let image = take(cluster.image_file.map_or_else(|| Ok(vec![]), layers::of_image));
    let clusterfile = take(layers::of_clusterfile(cluster.documents));
    problems.extend(conflict::of_image(&image, cluster.version));
    problems.extend(conflict::of_clusterfile(&clusterfile, claims, cluster.version));

    let mut layers = builtin::defaults(cluster, api)?;
    computed::defaults(&mut layers, cluster, node);
    families::defaults(&mut layers, cluster);
    for written in &image {
        let mut written = written.clone();
        for (_, path) in SECRETS.iter().chain(&NOT_THE_IMAGES).filter(|(kind, _)| *kind == written.kind) {
            written.tree.take(path);
        }
        layers.lay_written(&written);
    }
    for written in &clusterfile {
        layers.lay_written(written);
    }
    families::say_mask_once(&mut layers, cluster);
    problems.extend(families::against(&layers, cluster));
    Problems::check(problems)?;
    for Claim { kind, path, value, why } in claims {
        // Who wrote it himself finds it where he wrote it.
        let says_so = |present: &Tree| present.origin.is_written() && present.to_value() == *value;
        if !layers.get(kind, path).is_some_and(says_so) {
            layers.set(kind, path, value, why);
        }
    }
    find_patches(&mut layers, node);
    Ok((api, layers))
}

/// A directory of patches that is not named from the machine's root on is one of the images' files.
fn find_patches(layers: &mut Layers, node: &NodeSettings) {
    let of_patches =
        |(kind, _): &(&str, &mut Tree)| [Entrance::Made, Entrance::Joined].map(document_of).contains(kind);
    for (_, document) in layers.documents_mut().filter(of_patches) {
        let Some(directory) = document.get_mut(&["patches", "directory"]) else { continue };
        if let Some(path) = directory.text().filter(|path| !path.starts_with('/')) {
            *directory = Tree::of(&json!(format!("{}/{path}", node.rootfs)), &directory.origin.clone());
        }
    }
}

/// kube-proxy takes every virtual address for its own when it works with IPVS, unless it is told otherwise.
fn keep_virtual_address(layers: &mut Layers, cluster: &ClusterSettings<'_>) {
    const PROXY: &str = "KubeProxyConfiguration";
    const PATH: [&str; 2] = ["ipvs", "excludeCIDRs"];
    if layers.get(PROXY, &["mode"]).and_then(Tree::text) != Some("ipvs") {
        return;
    }
    let vip = json!(ipnet::IpNet::from(cluster.network.vip).to_string());
    let mut ranges = layers.get(PROXY, &PATH).map_or_else(|| json!([]), Tree::to_value);
    if let Value::Array(ranges) = &mut ranges
        && !ranges.contains(&vip)
    {
        ranges.push(vip);
        layers.set(PROXY, &PATH, &json!(ranges), "the virtual address is care's");
    }
}

/// A kubelet that is told to pull images one after the other does not begin with a number of them side by side.
fn pull_as_written(layers: &mut Layers) {
    const KUBELET: &str = "KubeletConfiguration";
    const SIDE_BY_SIDE: [&str; 1] = ["maxParallelImagePulls"];
    let is_serial =
        layers.get(KUBELET, &["serializeImagePulls"]).is_some_and(|one| one.to_value() == json!(true));
    let is_computed = layers.get(KUBELET, &SIDE_BY_SIDE).is_some_and(|number| !number.origin.is_written());
    if is_serial && is_computed {
        layers.take(KUBELET, &SIDE_BY_SIDE);
    }
}

/// Brings the documents of these kinds into the form that kubeadm reads, and checks that it knows all that is in them.
fn finished(
    layers: &Layers,
    kinds: &[&str],
    api: KubeadmApi,
    cluster: &ClusterSettings<'_>,
) -> Result<Rendering, Problems> {
    let minor = cluster.version.minor();
    let mut documents = vec![];
    let mut problems = vec![];
    for kind in kinds {
        let Some(mut tree) = layers.document(kind).cloned() else { continue };
        tree.prune();
        with_scheme(&mut tree);
        let name = api_of(kind, api);
        if api == KubeadmApi::V1beta4 {
            arguments::to_lists(&mut tree);
        } else {
            problems.extend(conflict::of_repeated(&tree, api));
        }
        keep_known(&mut tree, name, kind, minor);
        problems.extend(check(&tree, Against { api: name, kind, minor: Some(minor) }));
        documents.push(((*kind).to_owned(), name, tree));
    }
    Problems::check(problems)?;
    Ok(Rendering { documents })
}

/// A socket that is given as a path alone is deprecated.
fn with_scheme(tree: &mut Tree) {
    let Some(socket) = tree.get_mut(&["nodeRegistration", "criSocket"]) else { return };
    if let Some(path) = socket.text().filter(|path| path.starts_with('/')) {
        *socket = Tree::of(&json!(format!("unix://{path}")), &socket.origin.clone());
    }
}
