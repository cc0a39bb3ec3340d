//! Names and endpoints: who is called what in /etc/hosts, and what care is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Serialize;

use super::desired::Desired;
use crate::kubeadm::{API_NAME, API_PORT};
use crate::model::{MachineSpec, Role};

/// Where a control plane's registry listens, with TLS.
pub const REGISTRY_PORT: u16 = 5443;

/// The registry's name and port in images that do not say.
const DEFAULT_REGISTRY: (&str, u16) = ("sealos.hub", 5000);

/// Returns the hosts lines of a machine that has not joined yet: workers ask at the virtual address, a control
/// plane asks `first`, one that answers already.
pub fn hosts_of(desired: &Desired, machine: &MachineSpec, first: IpAddr) -> Vec<(IpAddr, Vec<String>)> {
    let api = match machine.role {
        Role::Worker => desired.cluster.network.vip,
        Role::ControlPlane => first,
    };
    hosts(desired, api)
}

/// Returns the hosts lines once the machine's own API server answers; a worker's stay as they are.
pub fn hosts_once_joined(desired: &Desired, machine: &MachineSpec) -> Vec<(IpAddr, Vec<String>)> {
    hosts_of(desired, machine, machine.address)
}

fn hosts(desired: &Desired, api: IpAddr) -> Vec<(IpAddr, Vec<String>)> {
    let registry = desired.variable("registryDomain").unwrap_or(DEFAULT_REGISTRY.0).to_owned();
    let own = [(IpAddr::V4(Ipv4Addr::LOCALHOST), vec![registry]), (api, vec![API_NAME.to_owned()])];
    let external = desired.cluster.registry.external().map(|external| external.domain.as_str());
    let aliases = desired.cluster.host_aliases.iter().map(|alias| {
        // Where an external registry is, care alone has to know.
        let names = alias.names.iter().filter(|name| Some(name.as_str()) != external);
        (alias.address, names.cloned().collect::<Vec<String>>())
    });
    own.into_iter().chain(aliases.filter(|(_, names)| !names.is_empty())).collect()
}

/// What care on a machine is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// The address the machine is reached at.
    pub own_address: IpAddr,
    /// The virtual address.
    pub vip: IpAddr,
    /// Whether the machine offers the virtual address to itself; a control plane asks its own API server.
    pub vip_here: bool,
    /// The API servers.
    pub api_servers: Vec<SocketAddr>,
    /// Where plain HTTP is accepted for the registry.
    pub registry_listen: SocketAddr,
    /// The control planes' registries, or where an external one listens.
    pub registries: Vec<SocketAddr>,
    /// The name that an external registry proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
}

/// Returns what care on this machine is told.
pub fn endpoints(desired: &Desired, machine: &MachineSpec) -> Endpoints {
    let external = desired.cluster.registry.external();
    let servers = |port| desired.control_planes().map(|one| SocketAddr::new(one.address, port)).collect();
    let registry_port =
        desired.variable("registryPort").and_then(|port| port.parse().ok()).unwrap_or(DEFAULT_REGISTRY.1);
    Endpoints {
        own_address: machine.address,
        vip: desired.cluster.network.vip,
        vip_here: machine.role == Role::Worker,
        api_servers: servers(API_PORT),
        registry_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), registry_port),
        registries: external.map_or_else(|| servers(REGISTRY_PORT), |external| external.servers().collect()),
        external: external.map(|external| external.domain.clone()),
    }
}
