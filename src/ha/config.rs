//! What `care` is told to do on its machine: the file, its meaning and what makes it wrong.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::forward::Dial;
use super::intermediary::Intermediary;
use super::learned::Generation;
use super::probe::{Authority, Probe};
use super::store;
use super::tunnel::Tunnel;
use crate::error::{Class, Problem, Result};

/// Where the file is on every machine; it has mode 0600.
pub const CONFIG_FILE: &str = "/var/lib/sealift/care/config.json";

/// The port of API servers.
const API_PORT: u16 = 6443;

/// The whole configuration of `care` on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CareConfig {
    /// The cluster's name, for people who read the file.
    pub cluster: String,
    /// Grows with every change of the lists below; see [`super::learned`].
    pub generation: Generation,
    /// The address at which the other machines reach this one.
    pub own_address: IpAddr,
    /// The balancer of the API servers; absent when the operator brought an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiBalancer>,
    /// The way to the registries; absent when the cluster uses one of the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryTunnel>,
    /// How to learn the control planes from the cluster; needs `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<EndpointRefresh>,
}

/// The balancer of the API servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiBalancer {
    /// The virtual address.
    pub listen: IpAddr,
    /// The port at the virtual address.
    #[serde(default = "api_port")]
    pub port: u16,
    /// The API servers, at least one.
    pub servers: Vec<SocketAddr>,
    /// The cluster's CA, which the API servers are verified against. Without it, and while its file does not
    /// exist yet, a server is alive when it accepts a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<CertificateSource>,
    /// Whether this machine offers the virtual address to itself.
    pub on_this_machine: VipPlacement,
}

/// Where certificates are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateSource {
    /// A PEM file.
    File(PathBuf),
    /// PEM text.
    Pem(String),
}

/// Where the virtual address is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VipPlacement {
    /// Nowhere: a control plane uses its own API server. The servers are watched all the same, as the
    /// control planes are learned through them.
    None,
    /// On `lo`, and `care` listens there.
    Loopback,
}

/// The way from this machine's plain endpoint to the control planes' registries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryTunnel {
    /// Loopback addresses to accept at, at least one: what arrives there is not encrypted.
    pub listen: Vec<SocketAddr>,
    /// The registries, at least one; this machine's own is preferred.
    pub servers: Vec<SocketAddr>,
    /// The authority of the registries' certificates, as PEM text; of somebody else's, none is whatever the machine trusts.
    pub ca_pem: String,
    /// The name that the registries prove.
    pub server_name: String,
    /// Whose they are.
    #[serde(default, skip_serializing_if = "Owner::is_cluster")]
    pub owner: Owner,
}

/// Whose registries are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The cluster's: they are where its control planes are.
    #[default]
    Cluster,
    /// Somebody else's: they stay where they are, whatever becomes of control planes.
    SomebodyElse,
}

impl Owner {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_cluster(&self) -> bool {
        *self == Self::Cluster
    }
}

/// How to learn the control planes from the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointRefresh {
    /// Kubelet's client certificate and key in one PEM file.
    pub client_cert: PathBuf,
    /// The cluster's CA.
    pub ca: PathBuf,
}

impl Default for EndpointRefresh {
    /// Returns the places where kubeadm and kubelet keep them.
    fn default() -> Self {
        Self {
            client_cert: "/var/lib/kubelet/pki/kubelet-client-current.pem".into(),
            ca: "/etc/kubernetes/pki/ca.crt".into(),
        }
    }
}

fn api_port() -> u16 {
    API_PORT
}

impl CareConfig {
    /// Reads the file at `path`. Errors have class `Config` and say what is wrong with it.
    pub fn load(path: &Path) -> Result<Self> {
        let config: Self = store::read(path)?;
        config.check().map_err(|problem| problem.saw(path.display()))?;
        Ok(config)
    }

    /// Writes the file at `path`, mode 0600, whole or not at all. A `care` that runs takes it over by itself.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.check()?;
        store::write(path, self)
    }

    /// Finds what is wrong with it.
    pub fn check(&self) -> Result<()> {
        if let Some(api) = &self.api {
            api.check()?;
        }
        if let Some(registry) = &self.registry {
            registry.check()?;
        }
        if self.refresh.is_some() && self.api.is_none() {
            return Err(wrong("control planes are learned through `api`, which is absent"));
        }
        Ok(())
    }
}

impl ApiBalancer {
    /// Returns where `care` listens on this machine, if it does.
    pub fn endpoint(&self) -> Option<SocketAddr> {
        match self.on_this_machine {
            VipPlacement::None => None,
            VipPlacement::Loopback => Some(SocketAddr::new(self.listen, self.port)),
        }
    }

    /// Returns how the servers are looked at.
    pub fn probe(&self) -> Result<Probe> {
        Probe::api_server(match &self.ca {
            None => Authority::Unknown,
            Some(CertificateSource::File(path)) => Authority::File(path.clone()),
            Some(CertificateSource::Pem(text)) => Authority::Pem(text.clone()),
        })
    }

    fn check(&self) -> Result<()> {
        check_servers("api", &self.servers)?;
        if self.listen.is_unspecified() || self.listen.is_multicast() {
            return Err(wrong(format!("`api` cannot listen at {}", self.listen)));
        }
        if self.servers.contains(&SocketAddr::new(self.listen, self.port)) {
            return Err(wrong("`api` has its own endpoint among its servers"));
        }
        if let Some(CertificateSource::Pem(text)) = &self.ca {
            super::tls::client(text.as_bytes(), super::tls::Protocols::AnyHttp)?;
        }
        Ok(())
    }
}

impl RegistryTunnel {
    /// Returns how the servers are connected to.
    pub fn dial(&self) -> Result<Arc<dyn Dial>> {
        Ok(match self.owner {
            Owner::Cluster => Arc::new(Tunnel::new(&self.ca_pem, &self.server_name)?),
            Owner::SomebodyElse => Arc::new(Intermediary::new(&self.ca_pem, &self.server_name)?),
        })
    }

    /// Returns how the servers are looked at.
    pub fn probe(&self) -> Result<Probe> {
        let authority = match self.owner {
            Owner::SomebodyElse if self.ca_pem.is_empty() => Authority::ThisMachine,
            _ => Authority::Pem(self.ca_pem.clone()),
        };
        Probe::registry(authority, &self.server_name)
    }

    fn check(&self) -> Result<()> {
        check_servers("registry", &self.servers)?;
        if self.listen.is_empty() {
            return Err(wrong("`registry` listens nowhere"));
        }
        for address in &self.listen {
            if !address.ip().is_loopback() {
                return Err(wrong(format!(
                    "`registry` may listen at loopback addresses only, not at {address}"
                )));
            }
            if self.servers.contains(address) {
                return Err(wrong("`registry` has its own endpoint among its servers"));
            }
        }
        self.dial().map(drop)
    }
}

fn check_servers(part: &str, servers: &[SocketAddr]) -> Result<()> {
    if servers.is_empty() {
        return Err(wrong(format!("`{part}` has no servers")));
    }
    match servers.iter().find(|server| server.ip().is_unspecified() || server.port() == 0) {
        Some(server) => Err(wrong(format!("`{part}` has a server nobody can reach, {server}"))),
        None => Ok(()),
    }
}

fn wrong(message: impl Into<String>) -> Problem {
    Problem::new(Class::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ha::authority::registry_authority;

    fn sample() -> serde_json::Value {
        let authority = registry_authority("prod", std::time::SystemTime::now()).unwrap();
        serde_json::json!({
            "cluster": "prod",
            "generation": 3,
            "own_address": "10.0.0.4",
            "api": {
                "listen": "10.103.97.2",
                "servers": ["10.0.0.1:6443", "[fd00::2]:6443"],
                "ca": { "file": "/etc/kubernetes/pki/ca.crt" },
                "on_this_machine": "loopback",
            },
            "registry": {
                "listen": ["127.0.0.1:5000"],
                "servers": ["10.0.0.1:5443"],
                "ca_pem": authority.certificate_pem,
                "server_name": "registry.sealift",
            },
            "refresh": {
                "client_cert": "/var/lib/kubelet/pki/kubelet-client-current.pem",
                "ca": "/etc/kubernetes/pki/ca.crt",
            },
        })
    }

    #[test]
    fn a_file_is_written_for_root_alone_and_read_back() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("care/config.json");
        let config: CareConfig = serde_json::from_value(sample()).unwrap();
        assert_eq!(config.api.as_ref().unwrap().endpoint(), Some("10.103.97.2:6443".parse().unwrap()));
        assert_eq!(config.refresh, Some(EndpointRefresh::default()));
        config.save(&path).unwrap();
        assert_eq!(CareConfig::load(&path).unwrap(), config);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "something was left behind"
        );
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (pointer, value, says) in [
            ("/api/servers", serde_json::json!([]), "`api` has no servers"),
            ("/api/servers", serde_json::json!(["0.0.0.0:6443"]), "nobody can reach"),
            ("/api/servers", serde_json::json!(["10.0.0.1:0"]), "nobody can reach"),
            ("/api/servers", serde_json::json!(["10.103.97.2:6443"]), "its own endpoint"),
            ("/api/listen", serde_json::json!("0.0.0.0"), "cannot listen"),
            ("/api/ca", serde_json::json!({ "pem": "nothing" }), "no certificate"),
            ("/registry/servers", serde_json::json!([]), "`registry` has no servers"),
            ("/registry/listen", serde_json::json!([]), "listens nowhere"),
            ("/registry/listen", serde_json::json!(["10.0.0.4:5000"]), "loopback addresses only"),
            ("/registry/ca_pem", serde_json::json!("nothing"), "no certificate"),
            ("/registry/ca_pem", serde_json::json!(""), "no certificate"),
            ("/registry/server_name", serde_json::json!("not a name"), "not the name of a server"),
            ("/api", serde_json::Value::Null, "learned through `api`"),
        ] {
            let mut json = sample();
            *json.pointer_mut(pointer).unwrap() = value.clone();
            let config: CareConfig = serde_json::from_value(json).unwrap();
            let problem = config.check().unwrap_err();
            assert_eq!(problem.class, Class::Config);
            assert!(problem.to_string().contains(says), "{pointer} = {value}: {problem}");
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        let mut json = sample();
        json["api"]["sevrers"] = serde_json::json!([]);
        assert!(serde_json::from_value::<CareConfig>(json).unwrap_err().to_string().contains("sevrers"));
    }
}
