//! The registry tunnel: plain bytes from this machine go through TLS to a control plane's registry.
//!
//! Images speak plain HTTP to a registry on 127.0.0.1; between machines nothing goes in the clear, and a
//! server that cannot prove its name under the cluster's own registry authority gets no byte.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::forward::{Dial, Duplex, connect_tcp};
use super::tls::{self, Protocols};
use crate::error::Result;

/// Connects through TLS to servers that prove one name under one authority.
#[derive(Debug, Clone)]
pub struct Tunnel {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tunnel {
    /// Makes a tunnel that trusts the authorities in `ca_pem` to name `server_name`.
    ///
    /// No protocol is negotiated: a client that was told plain HTTP speaks HTTP/1.1 and cannot change over.
    pub fn new(ca_pem: &str, server_name: &str) -> Result<Self> {
        let config = tls::client(ca_pem.as_bytes(), Protocols::Unspoken)?;
        Ok(Self { config, name: tls::server_name(server_name)? })
    }
}

impl Dial for Tunnel {
    fn dial(&self, server: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Duplex>>> {
        Box::pin(async move {
            let stream = connect_tcp(server).await?;
            let stream = tls::connect(stream, &self.config, &self.name).await?;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        })
    }
}
