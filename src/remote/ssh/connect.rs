//! From nothing to a connection that is logged in: dialling, jump hosts, handshake, and what can go wrong with each.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use russh::client::{self, Handle};
use russh::{ChannelOpenFailure, Preferred, cipher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::authenticate::log_in;
use super::host_key::{Gatekeeper, HandshakeError, LastWords, preferred_algorithms};
use super::known_hosts::KnownHosts;
use super::target::Target;
use crate::error::{Class, Problem, Result};

/// How much may be on its way in a channel, in bytes: enough for 1 Gbit/s at 130 ms.
const WINDOW: u32 = 16 * 1024 * 1024;

/// The largest packet, in bytes.
const PACKET: u32 = 65535;

/// How long the server may take to say who it is and agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to log in; name look-ups and slow directories on the machine count.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(1);

/// After how much silence the machine is asked whether it is there, and how often before it counts as lost.
const KEEPALIVE: (Duration, usize) = (Duration::from_secs(15), 3);

/// How often a server that hangs up at once is dialled again: it may refuse for a moment (sshd_config(5),
/// MaxStartups).
const RETRIES: usize = 4;

/// A connection that is logged in; it ends when it is dropped.
pub(super) struct Connection {
    pub(super) handle: Handle<Gatekeeper>,
    last_words: LastWords,
    /// The connection to the jump host that this one goes through.
    _through: Option<Box<Connection>>,
}

impl Connection {
    /// Returns why it ended, as far as it is known.
    pub(super) fn last_words(&self) -> String {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Connects to the last server of `route` through all others.
pub(super) async fn connect(route: Vec<Target>) -> Result<Connection> {
    let mut connection = None;
    let count = route.len();
    for (index, target) in route.into_iter().enumerate() {
        let place = (index + 1 < count).then(|| target.host.clone());
        let hop = hop(target, connection).await;
        connection = Some(match place {
            Some(jump) => hop.map_err(|problem| at_jump_host(problem, &jump))?,
            None => hop?,
        });
    }
    connection.ok_or_else(|| Problem::new(Class::Internal, "there is no machine at the end of the route"))
}

fn at_jump_host(mut problem: Problem, jump: &str) -> Problem {
    problem.message = format!("jump host {jump}: {}", problem.message);
    problem
}

/// Why an attempt failed, and whether another may succeed.
enum Failure {
    Passing(Problem),
    Final(Problem),
}

impl Failure {
    fn problem(self) -> Problem {
        match self {
            Self::Passing(problem) | Self::Final(problem) => problem,
        }
    }
}

async fn hop(target: Target, through: Option<Connection>) -> Result<Connection> {
    let known = Arc::new(KnownHosts::read(&target.trust.known_hosts)?);
    let Target { host, port, user, connect_timeout, trust, credentials } = target;
    let trust = Arc::new(trust);
    let (keys, certificates) = preferred_algorithms(&trust, &known);
    let config = Arc::new(config(keys, certificates));
    let last_words = LastWords::default();
    let attempt = async || {
        let gatekeeper = Gatekeeper::new(trust.clone(), known.clone(), last_words.clone());
        match &through {
            None => {
                let stream = dial(&host, port, connect_timeout).await.map_err(Failure::Final)?;
                handshake(&host, port, config.clone(), stream, gatekeeper).await
            }
            Some(jump) => {
                let stream = jump
                    .handle
                    .channel_open_direct_tcpip(host.clone(), u32::from(port), "127.0.0.1", 0)
                    .await
                    .map_err(|error| Failure::Final(not_forwarded(&host, port, &error)))?
                    .into_stream();
                handshake(&host, port, config.clone(), stream, gatekeeper).await
            }
        }
    };
    let backoff = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(300))
        .with_max_times(RETRIES);
    let handle = attempt
        .retry(backoff)
        .when(|failure| matches!(failure, Failure::Passing(_)))
        .await
        .map_err(Failure::problem)?;
    let mut connection = Connection { handle, last_words, _through: through.map(Box::new) };
    let login = log_in(&mut connection.handle, &user, &credentials);
    tokio::time::timeout(LOGIN_TIMEOUT, login).await.map_err(|_| {
        Problem::new(Class::Connection, format!("logging in takes longer than {} s", LOGIN_TIMEOUT.as_secs()))
            .remedy("look at UseDNS, GSSAPIAuthentication and PAM on the machine: one of them waits for something")
    })??;
    Ok(connection)
}

fn config(keys: Vec<russh::keys::Algorithm>, certificates: Vec<russh::keys::Algorithm>) -> client::Config {
    client::Config {
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        nodelay: true,
        keepalive_interval: Some(KEEPALIVE.0),
        keepalive_max: KEEPALIVE.1,
        preferred: Preferred {
            // AES-GCM first: with the processor's help it is the fastest here, and sshd has it everywhere.
            cipher: Cow::Borrowed(&[
                cipher::AES_128_GCM,
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            key: keys.into(),
            host_key_certificates: certificates.into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// Opens a TCP connection to the first address of `host` that answers.
async fn dial(host: &str, port: u16, timeout: Duration) -> Result<TcpStream> {
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((host, port)).await.map_err(|error| no_such_name(host, &error))?.collect();
    let mut problem = no_such_name(host, &io::Error::from(ErrorKind::NotFound));
    for address in addresses {
        match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Without it small messages wait for the answer to earlier ones. It is only slower if it fails.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => problem = unreachable(address, &error),
            Err(_) => problem = silent(address, timeout),
        }
    }
    Err(problem)
}

fn no_such_name(host: &str, error: &io::Error) -> Problem {
    Problem::new(Class::Connection, format!("the name {host} cannot be resolved"))
        .saw(error)
        .remedy("check the name, or write the machine's address")
}

fn silent(address: SocketAddr, timeout: Duration) -> Problem {
    Problem::new(Class::Connection, format!("{address} does not answer within {} s", timeout.as_secs_f32()))
        .remedy("check that the machine is on, its address, and firewalls on the way")
}

/// Explains why a TCP connection could not be opened.
fn unreachable(address: SocketAddr, error: &io::Error) -> Problem {
    let (message, remedy) = match error.kind() {
        ErrorKind::ConnectionRefused => (
            format!("{address} refuses connections: nothing listens there"),
            "start sshd on the machine, or write the port it listens on",
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => (
            format!("there is no route to {address}"),
            "check the address, and this machine's routes and VPN",
        ),
        ErrorKind::TimedOut => (
            format!("{address} does not answer"),
            "check that the machine is on, its address, and firewalls on the way",
        ),
        _ => (format!("{address} cannot be reached"), "check the address and the way to it"),
    };
    Problem::new(Class::Connection, message).saw(error).remedy(remedy)
}

fn not_forwarded(host: &str, port: u16, error: &russh::Error) -> Problem {
    let (why, remedy) = match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
            ("does not forward connections", "set `AllowTcpForwarding yes` in the jump host's sshd_config")
        }
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed) => {
            ("does not reach", "check that the jump host can resolve and reach the machine")
        }
        _ => ("cannot connect to", "try `ssh -J` with the same hosts"),
    };
    Problem::new(Class::Connection, format!("the jump host {why}: {host} port {port}"))
        .saw(error)
        .remedy(remedy)
}

/// Agrees on keys with the server, which the gatekeeper looks at.
async fn handshake<S>(
    host: &str,
    port: u16,
    config: Arc<client::Config>,
    stream: S,
    gatekeeper: Gatekeeper,
) -> Result<Handle<Gatekeeper>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connected = client::connect_stream(config, stream, gatekeeper);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, connected).await {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(HandshakeError::Refused(problem))) => Err(Failure::Final(*problem)),
        Ok(Err(HandshakeError::Ssh(error))) => Err(failed_handshake(host, port, &error)),
        Err(_) => Err(Failure::Final(
            Problem::new(
                Class::Connection,
                format!(
                    "{host} port {port} takes connections but says nothing within {} s",
                    HANDSHAKE_TIMEOUT.as_secs()
                ),
            )
            .remedy("check that it is an SSH server, and that the machine is not overloaded"),
        )),
    }
}

fn failed_handshake(host: &str, port: u16, error: &russh::Error) -> Failure {
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => Failure::Final(
            Problem::new(Class::Connection, format!("{host} and sealift have no {kind:?} algorithm in common"))
                .saw(format!("the machine offers: {}", theirs.join(", ")))
                .remedy("update OpenSSH on the machine, or allow a current algorithm in its sshd_config"),
        ),
        russh::Error::Version => Failure::Final(
            Problem::new(Class::Connection, format!("what listens at {host} port {port} is not an SSH server"))
                .remedy("write the port that sshd listens on"),
        ),
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_) => Failure::Passing(
            Problem::new(Class::Connection, format!("{host} port {port} hangs up before it says who it is"))
                .saw(error)
                .remedy("look at MaxStartups, PerSourcePenalties and AllowUsers in the machine's sshd_config, and fail2ban")
                .remedy("check that what listens there is an SSH server"),
        ),
        _ => Failure::Final(
            Problem::new(Class::Connection, format!("the SSH handshake with {host} failed")).saw(error),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_be_unreachable_has_its_own_sentence() {
        let address: SocketAddr = "10.0.0.1:22".parse().unwrap();
        let sentences: Vec<String> = [
            ErrorKind::ConnectionRefused,
            ErrorKind::HostUnreachable,
            ErrorKind::TimedOut,
            ErrorKind::PermissionDenied,
        ]
        .map(|kind| unreachable(address, &kind.into()))
        .map(|problem| {
            assert!(!problem.remedies.is_empty());
            problem.message
        })
        .into();
        assert_eq!(
            sentences,
            [
                "10.0.0.1:22 refuses connections: nothing listens there",
                "there is no route to 10.0.0.1:22",
                "10.0.0.1:22 does not answer",
                "10.0.0.1:22 cannot be reached"
            ]
        );
    }
}
