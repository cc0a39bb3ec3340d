//! A way to a registry at known addresses, for a client that goes by names: a proxy of our own, within this process.
//!
//! On the machines of a cluster with an external registry its name is `care`'s, so nobody there can look up where it is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Class, Context, Result};

/// The longest request that is read before the way is open.
const LONGEST_REQUEST: u64 = 16 * 1024;

/// How long to wait when no connection can be taken.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(100);

/// It ends when it is dropped.
pub(super) struct Passage {
    at: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Passage {
    /// Opens a way by which the host `name` is at one of `servers`, at other ports as well, and all others are where they are.
    pub(super) fn open(name: String, servers: Vec<SocketAddr>) -> Result<Self> {
        let opened = || -> io::Result<(TcpListener, SocketAddr)> {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let at = listener.local_addr()?;
            Ok((TcpListener::from_std(listener)?, at))
        };
        let (listener, at) = opened().problem(Class::Machine, "cannot listen at 127.0.0.1")?;
        let way = Arc::new(Way { name, servers });
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    // Out of descriptors, mostly; some come back.
                    tokio::time::sleep(OUT_OF_RESOURCES).await;
                    continue;
                };
                let way = way.clone();
                // Who asks sees a connection that ends, and says so.
                tokio::spawn(async move { drop(way.lead(client).await) });
            }
        });
        Ok(Self { at, _task: AbortOnDropHandle::new(task) })
    }

    /// Returns where it is, for a client's settings.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.at)
    }
}

struct Way {
    name: String,
    servers: Vec<SocketAddr>,
}

impl Way {
    /// Returns where a host with its port is, if it is the one that is looked up nowhere.
    fn servers_of(&self, wanted: &str) -> Option<Vec<SocketAddr>> {
        let (name, port) = wanted.rsplit_once(':')?;
        let port = port.parse().ok().filter(|_| name.eq_ignore_ascii_case(&self.name))?;
        Some(self.servers.iter().map(|server| SocketAddr::new(server.ip(), port)).collect())
    }

    /// Reads a `CONNECT` (RFC 9110, section 9.3.6) and passes on whatever comes after it.
    async fn lead(&self, mut client: TcpStream) -> io::Result<()> {
        let wanted = wanted(&mut client).await?;
        let connected = match self.servers_of(&wanted) {
            Some(servers) => TcpStream::connect(&*servers).await,
            None => TcpStream::connect(&wanted).await,
        };
        let mut server = match connected {
            Ok(server) => server,
            Err(error) => {
                client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await?;
                return Err(error);
            }
        };
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

/// Returns whom a client wants to speak to. It says nothing more before it is answered, so nothing is read that is not ours.
async fn wanted(client: &mut TcpStream) -> io::Result<String> {
    let mut lines = BufReader::new(tokio::io::AsyncReadExt::take(client, LONGEST_REQUEST)).lines();
    let first = lines.next_line().await?.unwrap_or_default();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let mut words = first.split(' ');
    match (words.next(), words.next()) {
        (Some("CONNECT"), Some(wanted)) => Ok(wanted.to_owned()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
