//! What `care` on a machine is told: the file it reads and learns from.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// care's configuration: `/var/lib/sealift/care/config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareConfig {
    /// The cluster's name, for the log.
    pub cluster: String,
    /// Balances the API servers at the virtual address; workers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiBalancer>,
    /// Passes the image's registry name on to the control planes' registries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryTunnel>,
}

/// The virtual address and who stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiBalancer {
    /// The virtual address; care puts it on `lo`.
    pub vip: IpAddr,
    /// The port at the virtual address.
    pub port: u16,
    /// The API servers.
    pub servers: Vec<SocketAddr>,
}

/// The registry's loopback end and who stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryTunnel {
    /// Where plain HTTP is accepted.
    pub listen: Vec<SocketAddr>,
    /// The control planes' registries.
    pub servers: Vec<SocketAddr>,
    /// The CA that their certificates are of, PEM.
    pub authority: String,
    /// The name in their certificates.
    pub server_name: String,
}
