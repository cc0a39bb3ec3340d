//! The desired cluster: what the operator asked for, whatever file or flags it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ClusterRegistry, ComponentDocument, Config, Hook, HostAlias, Login, NodeWishes, Role, SshAddress, Subnets,
};

/// The name of an image as the operator writes it: `kubernetes:v1.36.3`, `registry.k8s.io/pause:3.10.2`.
pub type ImageName = String;

/// Variables for an image's scripts, templates and commands.
pub type Environment = BTreeMap<String, String>;

/// The name of a machine in everything sealift says: the address the operator gave for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct MachineName(pub String);

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the operator wants of one image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageWishes {
    /// Its own variables; they win over the cluster's.
    #[serde(default, skip_serializing_if = "Environment::is_empty")]
    pub environment: Environment,
    /// Replaces its CMD, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Which of the applications in it are launched; `None` is those that it launches by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applications: Option<Vec<String>>,
    /// What is done with what it made in the cluster when it is taken off.
    #[serde(default, skip_serializing_if = "is_cleaned")]
    pub undoing: Undoing,
}

/// What is done with what an application made in the cluster when it is taken off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undoing {
    /// Its image's `clean` undoes it.
    #[default]
    Cleaned,
    /// It stays there: `clean` is left out.
    LeftThere,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_cleaned(undoing: &Undoing) -> bool {
    *undoing == Undoing::Cleaned
}

impl ImageWishes {
    /// Tells whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A machine the cluster should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSpec {
    /// How sealift calls it.
    pub name: MachineName,
    /// The address the other machines reach it at; kubelet's node IP.
    pub address: IpAddr,
    /// Its address of the other family, where the operator names it; else the machine itself shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_address: Option<IpAddr>,
    /// Where its SSH server listens.
    pub ssh: SshAddress,
    /// What it does in the cluster.
    pub role: Role,
    /// Its own variables; they win over the cluster's.
    #[serde(default, skip_serializing_if = "Environment::is_empty")]
    pub environment: Environment,
    /// What its Node is to be like.
    #[serde(default, skip_serializing_if = "NodeWishes::is_empty")]
    pub node: NodeWishes,
    /// How it is logged in to, where that differs from the cluster's other machines.
    #[serde(default, skip_serializing_if = "Login::is_empty")]
    pub login: Login,
}

impl MachineSpec {
    /// Returns a machine of which nothing else is said.
    pub fn new(ssh: SshAddress, address: IpAddr, role: Role) -> Self {
        Self {
            name: MachineName(ssh.host.clone()),
            address,
            second_address: None,
            ssh,
            role,
            environment: Environment::new(),
            node: NodeWishes::default(),
            login: Login::default(),
        }
    }

    /// Returns it without the way in to it, which is each operator's own.
    #[must_use]
    pub fn without_login(&self) -> Self {
        let ssh = SshAddress { port: None, ..self.ssh.clone() };
        Self { ssh, login: Login::default(), ..self.clone() }
    }
}

/// Addresses of the cluster's own networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Where pods get their addresses.
    pub pods: Subnets,
    /// Where Services get their addresses.
    pub services: Subnets,
    /// The virtual address at which workers reach the API servers.
    pub vip: IpAddr,
    /// The suffix of the cluster's names.
    pub dns_domain: String,
}

/// The desired cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name: a DNS label.
    pub name: String,
    /// The images it is made of, in the order they are launched; the first is the rootfs image.
    pub images: Vec<ImageName>,
    /// Its machines, control planes first.
    pub machines: Vec<MachineSpec>,
    /// The operator's variables; they win over the images'.
    pub environment: Environment,
    /// Replaces the CMD of the first application, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Values for the arguments of the images' commands.
    #[serde(default, skip_serializing_if = "Environment::is_empty")]
    pub arguments: Environment,
    /// What is wanted of single images.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wishes: BTreeMap<ImageName, ImageWishes>,
    /// What is run on its machines at certain times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// Its networks.
    pub network: Network,
    /// Which of the machines' interfaces the pod network uses, as applications are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Names that all machines know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_aliases: Vec<HostAlias>,
    /// More names and addresses of the API servers' certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificate_names: Vec<String>,
    /// The registry that its machines pull from.
    #[serde(default, skip_serializing_if = "ClusterRegistry::is_default")]
    pub registry: ClusterRegistry,
    /// The operator's documents for kubeadm, kubelet and kube-proxy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<ComponentDocument>,
    /// How files of its images are changed before they are used, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<Config>,
}

impl Cluster {
    /// Returns the machines of one role, in the operator's order.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &MachineSpec> {
        self.machines.iter().filter(move |machine| machine.role == role)
    }

    /// Returns it without the ways in to its machines: what it is, whoever asks.
    #[must_use]
    pub fn without_logins(&self) -> Self {
        let machines = self.machines.iter().map(MachineSpec::without_login).collect();
        Self { machines, ..self.clone() }
    }
}
