//! A token service as registries have one beside them: clients show it their password, and the registry its signature.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, SigningKey as _};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sealift::ha::authority::Identity;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// By which path clients ask.
pub(crate) const PATH: &str = "/service/token";

const SERVICE: &str = "somebody's registry";
const ISSUER: &str = "somebody";

/// How long a token is good for.
const LIFE: Duration = Duration::from_mins(5);

pub(crate) struct TokenService {
    signer: Arc<Signer>,
    _task: AbortOnDropHandle<()>,
}

struct Signer {
    key: KeyPair,
    certificate: rcgen::Certificate,
    /// As the header `Authorization` has it.
    user: String,
    given: Mutex<Vec<String>>,
}

impl TokenService {
    /// Starts one at `listener` that proves its name by `identity` and lets in one user. Must be called within a runtime.
    pub(crate) fn start(listener: TcpListener, identity: &Identity, username: &str, password: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::new([ISSUER.to_owned()]).unwrap().self_signed(&key).unwrap();
        let user = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
        let signer = Arc::new(Signer { key, certificate, user, given: Mutex::default() });
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let serving = serve(listener, acceptor(identity), signer.clone());
        Self { signer, _task: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    /// Returns by what a registry knows its tokens, PEM.
    pub(crate) fn certificate(&self) -> String {
        self.signer.certificate.pem()
    }

    /// Returns what a registry's configuration has below `auth`, which sends clients to `at`, a host with its port, and knows the
    /// tokens by the certificate at `path`.
    pub(crate) fn configuration(at: &str, path: &str) -> Value {
        json!({"token": {
            "realm": format!("https://{at}{PATH}"), "service": SERVICE, "issuer": ISSUER, "rootcertbundle": path,
        }})
    }

    /// Returns for what tokens were given.
    pub(crate) fn given(&self) -> Vec<String> {
        self.signer.given.lock().unwrap().clone()
    }
}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.expose_secret().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: tokio::net::TcpListener, tls: TlsAcceptor, signer: Arc<Signer>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, signer) = (tls.clone(), signer.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service =
                service_fn(async |request| Ok::<_, std::convert::Infallible>(signer.answer(&request)));
            // However it ends, the client tells.
            let connection = hyper::server::conn::http1::Builder::new();
            drop(connection.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

impl Signer {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let answer = |status, body: String| {
            let mut response = Response::new(Full::from(body));
            *response.status_mut() = status;
            response
        };
        if request.method() != http::Method::GET || request.uri().path() != PATH {
            return answer(StatusCode::NOT_FOUND, String::new());
        }
        let user = request.headers().get(header::AUTHORIZATION);
        if user.is_none_or(|user| user.as_bytes() != self.user.as_bytes()) {
            return answer(StatusCode::UNAUTHORIZED, "who is that?".to_owned());
        }
        let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let scopes: Vec<String> =
            query.filter(|(name, _)| name == "scope").map(|(_, scope)| scope.into()).collect();
        self.given.lock().unwrap().extend(scopes.clone());
        answer(StatusCode::OK, json!({"token": self.token(&scopes)}).to_string())
    }

    fn token(&self, scopes: &[String]) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let access: Vec<Value> =
            scopes.iter().flat_map(|scopes| scopes.split(' ')).filter_map(access).collect();
        let claims = json!({
            "iss": ISSUER, "sub": "robot", "aud": SERVICE, "jti": rand::random::<u64>().to_string(),
            "iat": now.as_secs(), "nbf": now.as_secs() - 10, "exp": (now + LIFE).as_secs(), "access": access,
        });
        let header = json!({"typ": "JWT", "alg": "EdDSA", "x5c": [STANDARD.encode(self.certificate.der())]});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Returns what a scope such as `repository:team/app:pull,push` is as a token has it.
fn access(scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some(json!({"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}))
}
