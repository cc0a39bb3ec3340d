//! What was declared, by a Clusterfile of any dialect or by flags: before names are resolved and images are read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    DeclaredHook, DeclaredLogin, Environment, ImageName, ImageWishes, NodeWishes, PlacedConfig, Places, Role,
    SecretReference, SshAddress, Subnets,
};
use crate::error::Problem;

/// A cluster as somebody wrote it down. What is not said is `None` or empty; defaults come later.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// The cluster's name.
    pub name: String,
    /// Its images, in the order they are launched; the first is the rootfs image.
    pub images: Vec<ImageName>,
    /// Where its machines come from.
    pub machines: DeclaredMachines,
    /// How machines are logged in to that say nothing else.
    pub login: DeclaredLogin,
    /// Variables for all images and machines.
    pub environment: Environment,
    /// In place of the first application's CMD.
    pub command: Option<Vec<String>>,
    /// What is wanted of single images.
    pub wishes: BTreeMap<ImageName, ImageWishes>,
    /// Where each image is named: `file:line:column`. Flags have no place.
    pub image_places: BTreeMap<ImageName, String>,
    /// What is run on machines at certain times.
    pub hooks: Vec<DeclaredHook>,
    /// Its networks.
    pub network: DeclaredNetwork,
    /// Names that all machines know.
    pub host_aliases: Vec<HostAlias>,
    /// More names and addresses of the API servers' certificates.
    pub certificate_names: Vec<String>,
    /// Which of the images' applications are launched, each with where it is named: `file:line:column`; `None` is all.
    pub applications: Option<Vec<(String, String)>>,
    /// Values for the arguments of the images' commands.
    pub arguments: Environment,
    /// Where on machines the cluster's data is kept.
    pub data_root: Option<PathBuf>,
    /// The registry that machines pull from, where it is not the images' own as it is.
    pub registry: Option<DeclaredRegistry>,
    /// How files of its images are changed, in order.
    pub configs: Vec<PlacedConfig>,
    /// Further documents of the files: kubeadm's, plugins, applications; in their order.
    pub documents: Vec<DeclaredDocument>,
    /// What was read and can be converted, but is not acted on by this version: each with its place and a remedy. A
    /// plan of such a cluster is refused.
    pub not_acted_on: Vec<Problem>,
    /// What can be acted on and is likely not meant, or has no effect: each with its place and a remedy.
    pub warnings: Vec<Problem>,
}

/// Where machines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredMachines {
    /// They are the operator's.
    Given(Vec<DeclaredMachine>),
    /// sealift makes so many as containers of the local Docker Engine.
    Containers {
        /// How many control planes.
        control_planes: usize,
        /// How many workers.
        workers: usize,
        /// The image they are made from.
        image: Option<String>,
    },
    /// They are ordered from Alibaba Cloud.
    AlibabaCloud {
        /// The control planes.
        control_planes: MachineOrder,
        /// The workers.
        workers: MachineOrder,
    },
}

/// Machines that are ordered: how many, and how large each is. What is not said is the provider's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineOrder {
    /// How many.
    pub count: usize,
    /// Cores of each.
    pub cpu: Option<u32>,
    /// Memory of each, in GiB.
    pub memory: Option<u32>,
    /// Size of its system disk, in GB.
    pub system_disk: Option<u32>,
    /// Sizes of its further disks, in GB.
    pub data_disks: Vec<u32>,
}

impl Default for DeclaredMachines {
    fn default() -> Self {
        Self::Given(vec![])
    }
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredMachine {
    /// Where its SSH server listens.
    pub ssh: SshAddress,
    /// The address the other machines reach it at, where that is not the one of SSH.
    pub address: Option<IpAddr>,
    /// Its address of the other family, where both are used; else the machine itself shows it.
    pub second_address: Option<IpAddr>,
    /// What it does.
    pub role: Role,
    /// How it is logged in to, where that differs.
    pub login: DeclaredLogin,
    /// Its own variables; they win over the cluster's.
    pub environment: Environment,
    /// What its Node is to be like.
    pub node: NodeWishes,
}

impl DeclaredMachine {
    /// Returns a machine of which nothing else is said.
    pub fn new(ssh: SshAddress, role: Role) -> Self {
        Self {
            ssh,
            address: None,
            second_address: None,
            role,
            login: DeclaredLogin::default(),
            environment: Environment::new(),
            node: NodeWishes::default(),
        }
    }
}

/// The cluster's networks, as far as they are declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredNetwork {
    /// Where pods get their addresses.
    pub pods: Option<Subnets>,
    /// Where Services get their addresses.
    pub services: Option<Subnets>,
    /// The virtual address of the API servers.
    pub vip: Option<IpAddr>,
    /// The suffix of the cluster's names.
    pub dns_domain: Option<String>,
    /// Which of the machines' interfaces the pod network uses; reaches applications as a variable.
    pub interface: Option<String>,
    /// The pod network that one of the images must provide.
    pub pod_network: Option<String>,
    /// Where `/pods` and `/services` stand. Flags have no place.
    pub places: Places,
}

/// The registry that machines pull from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRegistry {
    /// Where it is described: `file:line:column`. What is kept of a cluster does not say it.
    pub place: String,
    /// Whose it is.
    pub kind: RegistryKind,
    /// Its name, as images' names begin with it.
    pub domain: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Who logs in to it.
    pub username: Option<String>,
    /// With which password.
    pub password: Option<SecretReference>,
    /// More names and addresses of its certificate.
    pub certificate_names: Vec<String>,
    /// The authority of its certificate.
    pub authority: Option<DeclaredAuthority>,
}

/// Where the certificate of an authority is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredAuthority {
    /// Here, PEM.
    Text(String),
    /// In this file.
    File(PathBuf),
}

/// Whose a registry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryKind {
    /// The cluster's, on its control planes.
    Own,
    /// Somebody else's, which is there already.
    External,
}

/// A document beside the one that describes the cluster, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredDocument {
    /// Where it begins: `file:line:column`.
    pub place: String,
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// The whole of it.
    pub content: serde_json::Value,
    /// Where its values stand.
    pub places: Places,
}

/// An address with its names, in every machine's `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAlias {
    /// The address.
    pub address: IpAddr,
    /// Its names.
    pub names: Vec<String>,
}
