//! The userland forwarder: accepts TCP, picks a server and copies both ways.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::pool::{Lease, Pool};

/// How long a server may take to accept a connection before the next one is tried. Machines of a cluster are
/// milliseconds apart; this leaves room for one lost SYN, which is sent again after a second.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// The most connections one balancer carries at a time: far above what a machine's kubelet, proxies and
/// pulls need, and below what would take more than 64 MiB or the unit's file descriptors.
const MOST_CONNECTIONS: usize = 2048;

/// Silence after which the other end is asked whether it is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// Time between such questions; with [`KEEPALIVE_PROBES`] a vanished peer is noticed within 30 s.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// Questions without an answer that end a connection.
const KEEPALIVE_PROBES: u32 = 3;

/// How long sent bytes may stay unacknowledged, in milliseconds: keepalive does not run while some are.
const UNACKNOWLEDGED: u32 = 30_000;

/// How long to wait when the system has no descriptors or memory for one more connection.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(100);

/// A connection to a server, whatever it is made of.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// How a server is connected to.
pub trait Dial: Send + Sync {
    /// Connects to `server`; dropped when it takes too long.
    fn dial(&self, server: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Duplex>>>;
}

/// Connects by TCP alone: the client and the server speak TLS with each other.
#[derive(Debug, Clone, Copy)]
pub struct Direct;

impl Dial for Direct {
    fn dial(&self, server: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Duplex>>> {
        Box::pin(async move { Ok(Box::new(connect_tcp(server).await?) as Box<dyn Duplex>) })
    }
}

/// Connects by TCP, tuned as all of `care`'s connections are.
pub async fn connect_tcp(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server).await?;
    tune(&stream)?;
    Ok(stream)
}

/// The way from a listener to one of a pool's servers.
pub struct Route {
    pool: Arc<Pool>,
    dial: RwLock<Arc<dyn Dial>>,
    places: Arc<Semaphore>,
}

impl Route {
    /// Makes the way to the servers of `pool` by `dial`.
    pub fn new(pool: Arc<Pool>, dial: Arc<dyn Dial>) -> Self {
        Self { pool, dial: RwLock::new(dial), places: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }

    /// Replaces how new connections are made.
    pub fn dial_by(&self, dial: Arc<dyn Dial>) {
        *self.dial.write().unwrap_or_else(PoisonError::into_inner) = dial;
    }

    /// Connects to the best server that accepts; tries each once.
    pub async fn connect(&self) -> io::Result<(Lease, Box<dyn Duplex>)> {
        let dial = self.dial.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut tried = Vec::new();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no server");
        while let Some(lease) = self.pool.lease(&tried) {
            match timeout(CONNECT_DEADLINE, dial.dial(lease.server)).await {
                Ok(Ok(stream)) => return Ok((lease, stream)),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
            debug!(server = %lease.server, error = %last, "cannot connect");
            self.pool.doubt(lease.server);
            tried.push(lease.server);
        }
        Err(last)
    }

    /// Carries the connections that `listener` accepts, until `stop`; then all of them are closed.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let accept = async {
            loop {
                // The place comes first: clients above the limit wait in the kernel's queue.
                let Ok(place) = self.places.clone().acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((client, _)) => {
                        let carried = stop.clone().run_until_cancelled_owned(self.clone().carry(client));
                        tokio::spawn(async move {
                            carried.await;
                            drop(place);
                        });
                    }
                    Err(error) if is_about_one_client(&error) => {}
                    Err(error) => {
                        warn!(%error, "cannot accept connections");
                        tokio::time::sleep(OUT_OF_RESOURCES).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(accept).await;
    }

    /// Carries one connection until both directions ended, one broke, or its server is no longer used.
    async fn carry(self: Arc<Self>, mut client: TcpStream) {
        let carried = async {
            tune(&client)?;
            let (lease, mut server) = self.connect().await?;
            tokio::select! {
                ended = copy_bidirectional(&mut client, &mut server) => ended.map(|_| ()),
                () = lease.revoked.cancelled() => Ok(()),
            }
        };
        if let Err(error) = carried.await {
            debug!(%error, "a connection ended");
        }
    }
}

/// Tells whether accepting failed because of the client that was next, who is gone.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// Sends small messages at once and notices a peer that vanished without a word.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.as_fd();
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    sockopt::set_tcp_user_timeout(socket, UNACKNOWLEDGED)?;
    Ok(())
}
