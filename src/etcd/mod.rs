//! etcd's members: who they are, whether they answer, taking one out, and making sure that another may join.

mod admission;
mod gateway;
mod members;
mod removal;
mod snapshot;

pub use snapshot::STAMP;

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use zeroize::Zeroizing;

use crate::error::Result;
use crate::fsx;
use crate::ha::tls;

/// How long one answer of a member may take. Who is slower than that does not serve an API server either.
const ANSWER_DEADLINE: std::time::Duration = std::time::Duration::from_secs(3);

/// Hears how far it is.
pub type Tell<'a> = &'a (dyn Fn(String) + Send + Sync);

/// The etcd of a cluster, asked through one of its members.
pub struct Etcd {
    tls: Arc<ClientConfig>,
    own: String,
}

impl Etcd {
    /// Prepares to ask the member whose clients come to `own`, such as `https://127.0.0.1:2379`. `directory` has the
    /// certificates that kubeadm makes for its health checks. Nothing is asked yet.
    pub fn at(own: &str, directory: &Path) -> Result<Self> {
        let authority = fsx::read(&directory.join("ca.crt"))?;
        let mut identity = Zeroizing::new(fsx::read(&directory.join("healthcheck-client.crt"))?);
        identity.extend_from_slice(&Zeroizing::new(fsx::read(&directory.join("healthcheck-client.key"))?));
        Ok(Self { tls: tls::client_with_identity(&authority, &identity)?, own: own.to_owned() })
    }

    /// Returns the way to one member.
    fn member<'a>(&'a self, client_url: &'a str) -> gateway::Gateway<'a> {
        gateway::Gateway { url: client_url, tls: &self.tls }
    }

    fn own(&self) -> gateway::Gateway<'_> {
        self.member(&self.own)
    }
}
