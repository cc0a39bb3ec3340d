//! The native form as types: what `sealift schema` publishes, the reference tells and `sealift convert` writes.
//!
//! Doc comments here are texts for users.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::HookPhase;

/// A Clusterfile: what a cluster is to be. `sealift apply -f` makes it so.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Clusterfile {
    /// The version of this form.
    pub(in crate::clusterfile) api_version: ApiVersion,
    /// What the document is.
    pub(in crate::clusterfile) kind: Kind,
    /// What it is called.
    pub(in crate::clusterfile) metadata: Metadata,
    /// What it is made of.
    pub(in crate::clusterfile) spec: Spec,
}

/// The version of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::clusterfile) enum ApiVersion {
    #[serde(rename = "sealift.io/v1")]
    V1,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::clusterfile) enum Kind {
    Cluster,
}

/// What a cluster is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Metadata {
    /// The cluster's name: small letters, digits and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub(in crate::clusterfile) name: String,
}

/// What a cluster is made of. Its machines are either listed in `hosts` or made by a `provider`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Spec {
    /// Images in the order they are launched: first the one that brings Kubernetes, then patches and applications.
    pub(in crate::clusterfile) images: Vec<Image>,
    /// Machines of yours, in groups that have something in common.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) hosts: Vec<Group>,
    /// In place of `hosts`: who makes the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) provider: Option<Provider>,
    /// How machines are logged in to. What a group says itself wins, field by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) ssh: Option<Ssh>,
    /// Variables for the images' scripts, templates and commands. They win over those of the images.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::clusterfile) env: BTreeMap<String, Value>,
    /// Lines of shell in place of the CMD of the first application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) command: Option<Vec<String>>,
    /// What is run on machines at certain times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) hooks: Vec<Hook>,
    /// The cluster's networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) network: Option<Network>,
    /// More names and addresses at which clients reach the API servers.
    #[serde(rename = "certSANs", skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) cert_sans: Vec<String>,
    /// Names that every machine knows, in its `/etc/hosts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) host_aliases: Vec<HostAlias>,
    /// Which applications are launched, by their images' names or by the names they have in an image; all unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) applications: Option<Vec<String>>,
    /// Values that take the place of `$NAME`, `${NAME}` and `$(NAME)` in the images' commands, and reach nothing else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::clusterfile) arguments: BTreeMap<String, Value>,
    /// Where machines keep the cluster's data. Read, and not acted on yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) data_root: Option<String>,
    /// The registry that machines pull from: the images' own, unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) registry: Option<Registry>,
}

/// An image of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::clusterfile) enum Image {
    /// Its name: `flannel:v0.28.4`.
    Named(String),
    /// Its name with what is wanted of it.
    Wished(WishedImage),
}

/// An image with what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct WishedImage {
    /// Its name.
    pub(in crate::clusterfile) name: String,
    /// Variables of this image. They win over `spec.env`; an application whose variables change is launched again, alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::clusterfile) env: BTreeMap<String, Value>,
    /// Lines of shell in place of its CMD; its ENTRYPOINT runs all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) command: Option<Vec<String>>,
}

/// Something that is run on machines at a certain time. One of `command`, `script` and `etcdSnapshot` says what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Hook {
    /// What it is called: small letters, digits, `-` and `.`.
    pub(in crate::clusterfile) name: String,
    /// When it runs.
    pub(in crate::clusterfile) phase: HookPhase,
    /// On which machines: `all` unless said, `control-planes`, `workers`, `first-control-plane`, an address, a range of addresses,
    /// or a label of Nodes as `key=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) on: Vec<String>,
    /// A line of shell, run by bash in the rootfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) command: Option<String>,
    /// Several lines of shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) script: Option<String>,
    /// Save what etcd holds in this directory, on a control plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) etcd_snapshot: Option<String>,
    /// How long it may take: `90s`, `10m`, `1h`; 5 minutes unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) timeout: Option<String>,
}

/// A value that is read as a text. A number or a truth value is taken as it is written; what YAML would read as
/// something else, such as `0644`, `1.10` or `yes`, has to stand in quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "numbers and truth values are read, and never written without quotes")]
pub(in crate::clusterfile) enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
}

/// Machines that have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Group {
    /// What they do.
    pub(in crate::clusterfile) role: Role,
    /// Where they are.
    #[schemars(length(min = 1))]
    pub(in crate::clusterfile) addresses: Vec<Address>,
    /// How they are logged in to, where that differs from `spec.ssh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) ssh: Option<Ssh>,
    /// Variables of these machines. They win over `spec.env`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::clusterfile) env: BTreeMap<String, Value>,
    /// Labels of their Nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::clusterfile) labels: BTreeMap<String, Value>,
    /// Taints of their Nodes: `key=value:Effect` or `key:Effect`. `key-` or `key:Effect-` takes one away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) taints: Vec<String>,
    /// Arguments of their kubelets, without the hyphens: `max-pods: 200`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::clusterfile) kubelet_arguments: BTreeMap<String, Value>,
}

/// What machines do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::clusterfile) enum Role {
    /// They run etcd, the API server and what belongs to it; and the cluster's registry.
    ControlPlane,
    /// They run workloads.
    Worker,
}

/// Where machines are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::clusterfile) enum Address {
    /// An address, a name, or a range, with a port where that is not 22: `10.0.0.1`, `node-1.example`, `10.0.0.1-10.0.0.9`,
    /// `10.0.0.1-10.0.0.9:2222`, `fd00::1`, `[fd00::1]:2222`, `[fd00::1-fd00::9]:2222`.
    Listed(String),
    /// A machine whose SSH server is at another address than the one that the other machines know.
    Behind(Behind),
}

/// A machine whose SSH server is at another address than the one that the other machines know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Behind {
    /// Where its SSH server listens: `203.0.113.5:2222`.
    pub(in crate::clusterfile) ssh: String,
    /// The address at which the other machines reach it: the Node's. Where the cluster has both address families, `[10.0.0.1, fd00::1]`
    /// names the other one, too; else the machine itself shows it.
    pub(in crate::clusterfile) node: OneOrTwo,
}

/// One value, or one of each address family: as a list of both, or as a text with a comma between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::clusterfile) enum OneOrTwo {
    /// One, or both with a comma between them.
    One(String),
    /// One of each address family; the first is of the family that the cluster uses by itself.
    Two([String; 2]),
}

/// How machines are logged in to. A secret is `env:NAME`, `file:PATH` (its first line; of a key, all of it), `prompt` to be
/// asked, or the secret itself, which is warned of; `literal:` before it takes any text as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Ssh {
    /// The user; root, unless `~/.ssh/config` says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) user: Option<String>,
    /// The port where an address has none; 22, unless `~/.ssh/config` says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(in crate::clusterfile) port: Option<u16>,
    /// Files with private keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) identities: Vec<String>,
    /// A private key that is in no file: a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) key: Option<String>,
    /// The password for login and for sudo: a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) password: Option<String>,
    /// The passphrase of the private key: a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) passphrase: Option<String>,
    /// Host keys that are known: `SHA256:...`, or as in a `.pub` file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) host_keys: Vec<String>,
    /// Hosts to jump through, as for `ssh -J`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) jump: Option<String>,
}

/// The cluster's networks. None of them may have an address in common with another one or with a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "a field of the file is called so")]
pub(in crate::clusterfile) struct Network {
    /// Where pods get their addresses; 100.64.0.0/10 unless said. `[100.64.0.0/10, fd01::/48]` gives them an address of each family, the
    /// first by the order of the networks: it is that of the machines' addresses. Images have it as a variable, with a comma between both.
    #[serde(rename = "podCIDR", skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) pod_cidr: Option<OneOrTwo>,
    /// Where Services get their addresses; 10.96.0.0/22 unless said, and of both families where pods have both.
    #[serde(rename = "serviceCIDR", skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) service_cidr: Option<OneOrTwo>,
    /// The address at which workers reach the API servers; that of the image, then 10.103.97.2 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) vip: Option<String>,
    /// The suffix of the cluster's names; `cluster.local` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) dns_domain: Option<String>,
    /// Which of the machines' interfaces the pod network uses. Images have it as a variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) interface: Option<String>,
    /// The pod network that one of the images must provide, such as `calico`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) pod_network: Option<String>,
}

/// An address with its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct HostAlias {
    /// The address.
    pub(in crate::clusterfile) ip: String,
    /// Its names.
    pub(in crate::clusterfile) hostnames: Vec<String>,
}

/// Who makes the machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) enum Provider {
    /// Containers of the local Docker Engine, for trying out.
    Container(Containers),
    /// Machines of Alibaba Cloud. Read, and not acted on yet.
    AlibabaCloud(AlibabaCloud),
}

/// Machines that are containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Containers {
    /// How many control planes.
    pub(in crate::clusterfile) control_planes: usize,
    /// How many workers; none unless said.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(default)]
    pub(in crate::clusterfile) workers: usize,
    /// The container image that they are made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) machine_image: Option<String>,
}

/// Machines of Alibaba Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct AlibabaCloud {
    /// The control planes.
    pub(in crate::clusterfile) control_planes: Order,
    /// The workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) workers: Option<Order>,
}

/// How many machines, and how large each is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Order {
    /// How many.
    pub(in crate::clusterfile) count: usize,
    /// Cores of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) cpu: Option<u32>,
    /// Memory of each, in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) memory: Option<u32>,
    /// Size of the system disk, in GB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) system_disk: Option<u32>,
    /// Sizes of further disks, in GB.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) data_disks: Vec<u32>,
}

/// The registry that machines pull from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::clusterfile) struct Registry {
    /// Whose it is.
    pub(in crate::clusterfile) kind: RegistryKind,
    /// Its name, as images' names begin with it; that of the images, such as `sealos.hub`, unless said. An external one has to
    /// prove it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) domain: Option<String>,
    /// Its port; that of the images, mostly 5000, unless said; 443 of an external one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(in crate::clusterfile) port: Option<u16>,
    /// Who logs in to it. Of the cluster's own it says it when that is made, and `sealift registry passwd` changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) username: Option<String>,
    /// With which password: a secret; a random one, unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) password: Option<String>,
    /// More names and addresses of its certificates, for clients that go to port 5443 of a control plane themselves.
    #[serde(rename = "certSANs", skip_serializing_if = "Vec::is_empty")]
    pub(in crate::clusterfile) cert_sans: Vec<String>,
    /// The authority of an external registry's certificate: `file:PATH`, or PEM; whatever the machines trust, unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::clusterfile) ca: Option<String>,
}

/// Whose a registry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::clusterfile) enum RegistryKind {
    /// The cluster's own, on its control planes.
    Own,
    /// Somebody else's, which is there already.
    External,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
