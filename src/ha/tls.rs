//! TLS as `care` speaks it: clients that trust one authority and nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Class, Context, Problem, Result};

/// What a client offers to speak inside TLS, in order of preference (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2, or HTTP/1.1 where the server cannot.
    AnyHttp,
    /// Nothing is said, and whatever client sends the bytes decides.
    Unspoken,
}

/// Makes a client that trusts the authorities in `ca_pem` (one certificate or more).
///
/// Errors have class `Config`: no certificate, or one that is damaged.
pub fn client(ca_pem: &[u8], protocols: Protocols) -> Result<Arc<ClientConfig>> {
    let mut config = builder(ca_pem)?.with_no_client_auth();
    if protocols == Protocols::AnyHttp {
        config.alpn_protocols = offered();
    }
    Ok(Arc::new(config))
}

/// Makes a client like [`client`] that shows the certificate in `identity_pem`, a file like kubelet's with
/// certificates and their private key.
pub fn client_with_identity(ca_pem: &[u8], identity_pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let chain = certificates(identity_pem).problem(Class::Config, "the client certificate cannot be read")?;
    let key = PrivateKeyDer::from_pem_slice(identity_pem)
        .problem(Class::Config, "the client certificate's key cannot be read")?;
    let config = builder(ca_pem)?
        .with_client_auth_cert(chain, key)
        .problem(Class::Config, "the client certificate does not fit its key")?;
    Ok(Arc::new(config))
}

/// Reads the name that a server has to prove.
pub fn server_name(name: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .problem_with(Class::Config, || format!("`{name}` is not the name of a server"))
}

/// Speaks TLS over `stream` as a client and verifies the server.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
) -> std::io::Result<TlsStream<S>> {
    TlsConnector::from(config.clone()).connect(name.clone(), stream).await
}

/// Whom a client of somebody else's registry trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The authorities in this PEM text.
    Authorities(String),
    /// Those of this machine.
    ThisMachine,
}

impl Trust {
    /// Reads what is declared of a registry: PEM, and this machine's where nothing is.
    pub fn declared(ca_pem: &str) -> Self {
        if ca_pem.is_empty() { Self::ThisMachine } else { Self::Authorities(ca_pem.to_owned()) }
    }

    /// Makes a client like [`client`].
    pub fn client(&self, protocols: Protocols) -> Result<Arc<ClientConfig>> {
        let builder = match self {
            Self::Authorities(pem) => return client(pem.as_bytes(), protocols),
            Self::ThisMachine => trusting(of_this_machine())?,
        };
        let mut config = builder.with_no_client_auth();
        if protocols == Protocols::AnyHttp {
            config.alpn_protocols = offered();
        }
        Ok(Arc::new(config))
    }
}

/// How long it is known whom this machine trusts. There are hundreds of files to read, and they change once in years.
const KNOWN_FOR: Duration = Duration::from_mins(10);

fn of_this_machine() -> Arc<RootCertStore> {
    static KNOWN: Mutex<Option<(Instant, Arc<RootCertStore>)>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, roots)) = known.as_ref().filter(|(read, _)| read.elapsed() < KNOWN_FOR) {
        return roots.clone();
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let roots = Arc::new(roots);
    *known = Some((Instant::now(), roots.clone()));
    roots
}

fn offered() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(ca_pem: &[u8]) -> Result<Builder> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem).problem(Class::Config, "the authority cannot be read")? {
        roots.add(certificate).problem(Class::Config, "the authority is not one")?;
    }
    if roots.is_empty() {
        return Err(Problem::new(Class::Config, "the authority holds no certificate"));
    }
    trusting(roots)
}

fn trusting(roots: impl Into<Arc<RootCertStore>>) -> Result<Builder> {
    // The provider is named, not taken from the process: two of them in one program would be an abort.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .problem(Class::Internal, "the TLS library knows no protocol")?;
    Ok(builder.with_root_certificates(roots))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_this_machine_trusts_is_not_read_for_every_client() {
        assert!(Arc::ptr_eq(&of_this_machine(), &of_this_machine()));
        assert_eq!(Trust::declared(""), Trust::ThisMachine);
        Trust::ThisMachine.client(Protocols::AnyHttp).unwrap();
        Trust::declared(" ").client(Protocols::AnyHttp).unwrap_err();
    }

    #[test]
    fn an_authority_without_a_certificate_is_refused() {
        for (pem, says) in [
            ("", "holds no certificate"),
            ("no PEM at all", "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is not one"),
            ("-----BEGIN CERTIFICATE-----\n", "cannot be read"),
        ] {
            let problem = client(pem.as_bytes(), Protocols::AnyHttp).unwrap_err();
            assert_eq!(problem.class, Class::Config);
            assert!(problem.message.contains(says), "{pem:?}: {problem}");
        }
    }
}
