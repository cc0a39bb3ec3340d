//! Looks at servers: holds a connection, asks sparingly whether the server is ready, and tells the pool.
//!
//! Every machine of the cluster does this to every control plane. So the frequent question, whether the
//! server is there at all, is an HTTP/2 PING on the held connection, which costs it next to nothing, and the
//! dear one (`/readyz` makes an API server ask etcd) is rare and never in step with other machines.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::forward::connect_tcp;
use super::health::Observation;
use super::pool::Pool;
use super::tls::{self, Protocols, Trust};

/// How often an API server that is well is asked for `/readyz`. 500 machines make 100 questions a second.
const READYZ_EVERY: Duration = Duration::from_secs(5);

/// How often a registry that is well is asked for `/v2/`; a failed pull asks at once.
const REGISTRY_EVERY: Duration = Duration::from_secs(15);

/// How often a held connection is tried with a PING.
const PING_EVERY: Duration = Duration::from_secs(2);

/// How long the answer to a PING, a handshake or a connection may take. A machine that swaps needs a second.
const REACH_DEADLINE: Duration = Duration::from_secs(2);

/// How long the answer to a question may take: a registry on a slow disk, an API server whose etcd elects.
const ANSWER_DEADLINE: Duration = Duration::from_secs(4);

/// The least time between two looks, whoever asks for an early one.
const BREATH: Duration = Duration::from_millis(250);

/// How far a rhythm strays to either side, so that machines started together drift apart.
const JITTER: f64 = 0.2;

/// The longest answer that is read; `/readyz` lists its failed checks.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Where an authority's certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// In this PEM text.
    Pem(String),
    /// In this file, which may appear later (a worker gets the cluster's CA when it joins) and change.
    File(PathBuf),
    /// Those that this machine trusts.
    ThisMachine,
    /// Not known: then a server is alive when it accepts a connection.
    Unknown,
}

/// What kind of server is looked at: it decides the question and which answers are a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ApiServer,
    Registry,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::ApiServer => "/readyz",
            Self::Registry => "/v2/",
        }
    }

    fn every(self) -> Duration {
        match self {
            Self::ApiServer => READYZ_EVERY,
            Self::Registry => REGISTRY_EVERY,
        }
    }

    /// Tells whether `status` comes from a server that can work. Anonymous questions to an API server may be
    /// forbidden, and a registry's content is guarded: who says so is alive.
    fn accepts(self, status: StatusCode) -> bool {
        match self {
            Self::ApiServer => {
                status.is_success() || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            }
            Self::Registry => matches!(status, StatusCode::OK | StatusCode::UNAUTHORIZED),
        }
    }
}

/// What is asked of a server and how it proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    kind: Kind,
    authority: Authority,
    name: ServerName<'static>,
}

impl Probe {
    /// Asks an API server for `/readyz` under the cluster's CA, which names every API server `kubernetes`.
    pub fn api_server(authority: Authority) -> crate::error::Result<Self> {
        Ok(Self { kind: Kind::ApiServer, authority, name: tls::server_name("kubernetes")? })
    }

    /// Asks a registry for `/v2/` under `authority`.
    pub fn registry(authority: Authority, server_name: &str) -> crate::error::Result<Self> {
        Ok(Self { kind: Kind::Registry, authority, name: tls::server_name(server_name)? })
    }

    /// Looks at `server` and tells `pool`, until it is dropped.
    pub async fn watch(self: Arc<Self>, server: SocketAddr, pool: Arc<Pool>) {
        loop {
            match self.open(server).await {
                Ok(Some(session)) => self.hold(session, server, &pool).await,
                Ok(None) => self.tell(server, &pool, &Observation::Alive).await,
                Err(error) => self.tell(server, &pool, &Observation::Failed(error.to_string())).await,
            }
        }
    }

    /// Asks again and again over one connection, until that is lost. The loss alone says nothing: servers
    /// close idle connections and ask clients to go elsewhere; whether a new one opens does.
    async fn hold(&self, mut session: Session, server: SocketAddr, pool: &Pool) {
        loop {
            let path = self.kind.path();
            let answer = session.ask(self).await;
            let broken = answer.is_err();
            let observation = match answer {
                Ok(status) if self.kind.accepts(status) => Observation::Alive,
                Ok(status) => Observation::Failed(format!("{path} answers {status}")),
                Err(error) => Observation::Failed(format!("{path}: {error}")),
            };
            let told = self.tell(server, pool, &observation);
            if broken {
                return told.await;
            }
            tokio::select! {
                () = told => {}
                () = session.lost() => return tokio::time::sleep(BREATH).await,
            }
        }
    }

    /// Tells the pool, then waits until it is time for the next look.
    fn tell<'a>(
        &self,
        server: SocketAddr,
        pool: &'a Pool,
        observation: &Observation,
    ) -> impl Future<Output = ()> + use<'a> {
        let wait = jittered(pool.report(server, observation, self.kind.every()));
        async move {
            tokio::time::sleep(BREATH.min(wait)).await;
            // A timeout here is the ordinary case: nobody doubted the server.
            let _ = timeout(wait.saturating_sub(BREATH), pool.doubted(server)).await;
        }
    }

    /// Opens a connection to ask over; `None` when the authority is not known and TCP was all to be tried.
    async fn open(&self, server: SocketAddr) -> io::Result<Option<Session>> {
        let reached = timeout(REACH_DEADLINE, async {
            let Some(config) = self.client().await? else {
                return connect_tcp(server).await.map(|_| None);
            };
            let stream = tls::connect(connect_tcp(server).await?, &config, &self.name).await?;
            Session::start(stream).await.map(Some).map_err(io::Error::other)
        });
        reached.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Returns what proves servers; `None` while the authority is not known.
    async fn client(&self) -> io::Result<Option<Arc<rustls::ClientConfig>>> {
        let client = match &self.authority {
            Authority::Unknown => return Ok(None),
            Authority::ThisMachine => Trust::ThisMachine.client(Protocols::AnyHttp),
            Authority::Pem(text) => tls::client(text.as_bytes(), Protocols::AnyHttp),
            Authority::File(path) => match tokio::fs::read(path).await {
                Ok(pem) => tls::client(&pem, Protocols::AnyHttp),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        client.map(Some).map_err(io::Error::other)
    }
}

/// Returns `rhythm` a little longer or shorter.
pub fn jittered(rhythm: Duration) -> Duration {
    rhythm.mul_f64(rand::random_range(1.0 - JITTER..1.0 + JITTER))
}

/// A held connection to a server.
struct Session {
    sender: Sender,
    connection: AbortOnDropHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Session {
    async fn start(stream: TlsStream<TcpStream>) -> hyper::Result<Self> {
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        // How a connection ended does not matter, only that it did.
        if speaks_http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(REACH_DEADLINE)
                .keep_alive_while_idle(true)
                .handshake(stream)
                .await?;
            let connection = tokio::spawn(async { drop(connection.await) });
            Ok(Self { sender: Sender::Http2(sender), connection: AbortOnDropHandle::new(connection) })
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            let connection = tokio::spawn(async { drop(connection.await) });
            Ok(Self { sender: Sender::Http1(sender), connection: AbortOnDropHandle::new(connection) })
        }
    }

    /// Asks once and reads the answer to its end, so that the connection can be used again.
    async fn ask(&mut self, probe: &Probe) -> io::Result<StatusCode> {
        let asked = timeout(ANSWER_DEADLINE, async {
            let response = match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await.map_err(io::Error::other)?;
                    sender.send_request(request(probe, probe.kind.path())?).await
                }
                Sender::Http2(sender) => {
                    let name = probe.name.to_str();
                    let url = format!("https://{name}{}", probe.kind.path());
                    sender.send_request(request(probe, &url)?).await
                }
            };
            let response = response.map_err(io::Error::other)?;
            let status = response.status();
            Limited::new(response.into_body(), LONGEST_ANSWER).collect().await.map_err(io::Error::other)?;
            Ok(status)
        });
        asked.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Completes when the connection ended.
    async fn lost(&mut self) {
        // The task returns nothing, and it is aborted only with this session.
        let _ = (&mut self.connection).await;
    }
}

fn request(probe: &Probe, target: &str) -> io::Result<Request<Empty<Bytes>>> {
    Request::get(target)
        .header(http::header::HOST, &*probe.name.to_str())
        .header(http::header::USER_AGENT, "sealift-care")
        .body(Empty::new())
        .map_err(io::Error::other)
}
