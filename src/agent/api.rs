//! The API server on this machine: whether it is ready, and the certificate it shows.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::paths;
use crate::error::{Class, Context, Problem, Result};

/// Tells whether the API server on this machine answers that it is ready.
pub(super) fn is_ready() -> bool {
    // A quick look at the port first: most of the time of a launch nothing listens there.
    let address = SocketAddr::from(([127, 0, 0, 1], crate::kubeadm::API_PORT));
    if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        return false;
    }
    says_ready(address).unwrap_or(false)
}

/// Asks `/readyz` over TLS.
fn says_ready(address: SocketAddr) -> Result<bool> {
    let unusable = "cannot ask the API server";
    let mut stream = secure(address)?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: kubernetes\r\nConnection: close\r\n\r\n")
        .problem(Class::Kubernetes, unusable)?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).problem(Class::Kubernetes, unusable)?;
    Ok(head.ends_with(b"200"))
}

/// Returns the certificate that the API server on this machine shows, DER.
pub(super) fn served_certificate() -> Result<Vec<u8>> {
    let unusable = "cannot see the API server's certificate";
    let mut stream = secure(SocketAddr::from(([127, 0, 0, 1], crate::kubeadm::API_PORT)))?;
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).problem(Class::Kubernetes, unusable)?;
    }
    let shown = stream.conn.peer_certificates().and_then(|shown| shown.first());
    let shown = shown.ok_or_else(|| Problem::new(Class::Kubernetes, unusable))?;
    Ok(shown.as_ref().to_vec())
}

/// Begins to speak TLS, trusting this machine's own CA only.
fn secure(address: SocketAddr) -> Result<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    use rustls::pki_types::pem::PemObject;
    let unusable = "cannot ask the API server";
    let mut roots = rustls::RootCertStore::empty();
    let authority = rustls::pki_types::CertificateDer::from_pem_file(paths::AUTHORITY)
        .problem(Class::Machine, unusable)?;
    roots.add(authority).problem(Class::Machine, unusable)?;
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("kubernetes").problem(Class::Internal, unusable)?;
    let connection =
        rustls::ClientConnection::new(std::sync::Arc::new(config), name).problem(Class::Machine, unusable)?;
    let stream =
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).problem(Class::Kubernetes, unusable)?;
    stream.set_read_timeout(Some(Duration::from_secs(3))).problem(Class::Machine, unusable)?;
    Ok(rustls::StreamOwned::new(connection, stream))
}
