//! Servers for the tests: each has a loopback address of its own and so stands for a machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sealift::ha::authority::{Identity, registry_authority};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// Returns an address that nobody else uses: one of 16 million machines.
pub(crate) fn machine(port: u16) -> SocketAddr {
    let bits = rand::random_range(0x7f01_0000_u32..0x7fff_0000);
    SocketAddr::from((Ipv4Addr::from_bits(bits), port))
}

/// Returns a new authority.
pub(crate) fn authority() -> Identity {
    registry_authority("test", SystemTime::now()).unwrap()
}

/// Returns a certificate for `name` with its key, issued by `authority`.
pub(crate) fn issued(authority: &Identity, name: &str) -> Identity {
    let key = KeyPair::from_pem(authority.key_pem.expose_secret()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate_pem, key).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem().into() }
}

/// An HTTPS server that speaks HTTP/2 and HTTP/1.1.
pub(crate) struct HttpsServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: Option<AbortOnDropHandle<()>>,
    tls: Arc<ServerConfig>,
}

struct State {
    status: AtomicU16,
    body: Mutex<String>,
    asked: Mutex<Vec<String>>,
    open: AtomicUsize,
    frozen: AtomicBool,
    hangs_up: AtomicBool,
}

impl HttpsServer {
    /// Starts a server at `address` with `identity`.
    pub(crate) async fn start(address: SocketAddr, identity: &Identity) -> Self {
        Self::start_with(address, tls(identity, None)).await
    }

    /// Starts a server that wants its clients' certificates from `authority`, as API servers do, but does not
    /// insist.
    pub(crate) async fn start_for_clients_of(
        authority: &Identity,
        address: SocketAddr,
        identity: &Identity,
    ) -> Self {
        Self::start_with(address, tls(identity, Some(authority))).await
    }

    async fn start_with(address: SocketAddr, tls: Arc<ServerConfig>) -> Self {
        let state = State {
            status: AtomicU16::new(200),
            body: Mutex::new(format!("I am {address}")),
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            frozen: AtomicBool::new(false),
            hangs_up: AtomicBool::new(false),
        };
        let mut server = Self { address, state: Arc::new(state), task: None, tls };
        server.revive().await;
        server
    }

    /// Ends it at once, with all its connections.
    pub(crate) fn kill(&mut self) {
        self.task = None;
    }

    /// Starts it again at the same address.
    pub(crate) async fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let task = tokio::spawn(serve(listener, TlsAcceptor::from(self.tls.clone()), self.state.clone()));
        self.task = Some(AbortOnDropHandle::new(task));
    }

    /// Answers with `status` from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    /// Answers with `body` from now on.
    pub(crate) fn say(&self, body: &str) {
        body.clone_into(&mut self.state.body.lock().unwrap());
    }

    /// Hangs: the kernel still accepts, the process does nothing, as on a machine that lost its disk.
    pub(crate) fn freeze(&self) {
        self.state.frozen.store(true, Ordering::SeqCst);
    }

    /// Ends the connection by which HTTP/1.1 asks next, and answers nothing.
    pub(crate) fn hang_up(&self) {
        self.state.hangs_up.store(true, Ordering::SeqCst);
    }

    /// Returns what it was asked for: the paths, or what it was asked by.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Returns how many connections got through TLS and are open.
    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

fn tls(identity: &Identity, clients: Option<&Identity>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.certificate_pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        }
    };
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.expose_secret().as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    // Connections end with their server.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, state) = (tls.clone(), state.clone());
        connections.spawn(async move {
            state.thaw().await;
            let Ok(stream) = tls.accept(stream).await else { return };
            let _open = Counted::new(&state.open);
            let known = stream.get_ref().1.peer_certificates().is_some();
            // However a connection ends, the test looks at what came of it.
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                let _ = http2(stream, &state).await;
            } else {
                let _ = http1(stream, &state, known).await;
            }
        });
    }
}

impl State {
    /// Waits for ever when the server is frozen.
    async fn thaw(&self) {
        if self.frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    fn take(&self, asked: String) -> (u16, String) {
        self.asked.lock().unwrap().push(asked);
        (self.status.load(Ordering::SeqCst), self.body.lock().unwrap().clone())
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    // Not polled when frozen, the connection answers no PING either.
    while let Some(request) = until_frozen(state, connection.accept()).await {
        let (request, mut respond) = request?;
        let (status, body) = state.take(request.uri().path().to_owned());
        let head = http::Response::builder().status(status).body(()).unwrap();
        respond.send_response(head, false)?.send_data(Bytes::from(body), true)?;
    }
    Ok(())
}

async fn until_frozen<T>(state: &State, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    std::future::poll_fn(|context| {
        if state.frozen.load(Ordering::SeqCst) {
            return std::task::Poll::Pending;
        }
        work.as_mut().poll(context)
    })
    .await
}

async fn http1(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    state: &State,
    known: bool,
) -> io::Result<()> {
    while let Some(path) = request_path(&mut stream).await? {
        state.thaw().await;
        let who = if known { " with a certificate" } else { "" };
        let (status, body) = state.take(format!("{path}{who}"));
        if state.hangs_up.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let head = format!("HTTP/1.1 {status} Any\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
    }
    Ok(())
}

async fn request_path(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    Ok(head.split(' ').nth(1).map(str::to_owned))
}

/// Asks for `path` by plain HTTP/1.1 and returns the whole answer up to the end of its body.
pub(crate) async fn ask_plainly(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A server without TLS that says who it is, then repeats what it hears, then says goodbye.
pub(crate) struct EchoServer {
    pub(crate) address: SocketAddr,
    task: Option<AbortOnDropHandle<()>>,
}

impl EchoServer {
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let mut server = Self { address, task: None };
        server.revive().await;
        server
    }

    pub(crate) fn kill(&mut self) {
        self.task = None;
    }

    pub(crate) async fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let who = self.address;
        self.task = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(echo(stream, who));
            }
        })));
    }
}

async fn echo(mut stream: TcpStream, who: SocketAddr) -> io::Result<()> {
    stream.write_all(format!("{who}\n").as_bytes()).await?;
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await?;
    to.write_all(b"goodbye").await
}
