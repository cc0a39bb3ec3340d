//! How an image's registry is run, how one is reached, and what it serves.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Digest;

/// How an image's registry is run, and so how it is told where to listen and with which certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryStyle {
    /// `registry.service` reads a configuration, which is edited; as in sealos's images.
    Unit,
    /// A container, told by its script's arguments and by certificates in the rootfs; as in sealer's images.
    Container,
}

/// The registry that a cluster's machines pull from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterRegistry {
    /// The images' own, on every control plane.
    Own {
        /// More names and addresses of its certificates.
        certificate_names: Vec<String>,
    },
    /// Somebody else's, which is there already.
    External(ExternalRegistry),
}

/// A registry that is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalRegistry {
    /// Its name, which its certificate has.
    pub domain: String,
    /// Its port.
    pub port: u16,
    /// The addresses of its name. On machines the name itself is `care`'s.
    pub addresses: Vec<IpAddr>,
    /// The authority of its certificate, PEM; none is whatever the machines trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

impl ExternalRegistry {
    /// Returns where it listens.
    pub fn servers(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().map(|address| SocketAddr::new(*address, self.port))
    }
}

impl Default for ClusterRegistry {
    fn default() -> Self {
        Self::Own { certificate_names: vec![] }
    }
}

impl ClusterRegistry {
    /// Tells whether it is as in a cluster of which nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the further names of the certificates that it is proven by, as far as they are made here.
    pub fn certificate_names(&self) -> &[String] {
        match self {
            Self::Own { certificate_names } => certificate_names,
            Self::External(_) => &[],
        }
    }

    /// Returns the one that is somebody else's.
    pub fn external(&self) -> Option<&ExternalRegistry> {
        match self {
            Self::Own { .. } => None,
            Self::External(external) => Some(external),
        }
    }
}

/// Who logs in to a cluster's registries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryUser {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl RegistryUser {
    /// Returns this user's way into a registry that proves its address by `authority`, PEM.
    pub fn door(&self, at: SocketAddr, authority: &str) -> RegistryDoor {
        RegistryDoor {
            at,
            authority: authority.to_owned(),
            username: self.username.clone(),
            password: self.password.clone(),
            external: None,
        }
    }
}

impl fmt::Debug for RegistryUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryUser({})", self.username)
    }
}

/// The way into one registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryDoor {
    /// Where it listens with TLS.
    pub at: SocketAddr,
    /// The authority by which it must prove its address, or its name, PEM. None is whatever the machine trusts that asks.
    pub authority: String,
    /// Who comes.
    pub username: String,
    /// The password.
    pub password: String,
    /// What a registry is called that is not of the cluster, and proves its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalName>,
}

/// What a registry is called, and where else it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalName {
    /// Its name.
    pub domain: String,
    /// Where it listens beside the door's own address.
    pub elsewhere: Vec<SocketAddr>,
}

impl fmt::Debug for RegistryDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryDoor({})", self.at)
    }
}

/// A repository that a registry serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedRepository {
    /// Its name, without the registry's.
    pub name: String,
    /// The digests of what its tags name. An image that is asked for by its digest alone has no tag.
    pub tags: BTreeMap<String, Digest>,
}

/// A manifest on its way into a registry whose blobs are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestOrder {
    /// The repository.
    pub repository: String,
    /// The tag, or the digest where there is none.
    pub reference: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's media type.
    pub media_type: String,
    /// The manifest to the byte.
    pub content: String,
}
