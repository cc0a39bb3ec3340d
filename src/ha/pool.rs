//! The servers of one balancer: who is well, who is used, how many connections each carries.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::health::{Health, Observation, Verdict, keep_last};

/// The servers that one balancer spreads connections over.
#[derive(Debug)]
pub struct Pool {
    name: &'static str,
    servers: Mutex<Vec<Server>>,
    preferred: Mutex<Option<IpAddr>>,
    in_use: watch::Sender<BTreeSet<SocketAddr>>,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    health: Health,
    open: Arc<AtomicUsize>,
    connections: CancellationToken,
    doubt: Arc<Notify>,
}

/// The right to have one connection to a server; counted until it is dropped.
#[derive(Debug)]
pub struct Lease {
    /// The server to connect to.
    pub server: SocketAddr,
    /// Cancelled when the server is no longer to be used: the connection has to be closed then.
    pub revoked: CancellationToken,
    open: Arc<AtomicUsize>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a pool knows about one of its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Where it listens.
    pub address: SocketAddr,
    /// What is believed about it.
    pub verdict: Verdict,
    /// How many connections it carries now.
    pub open: usize,
}

impl Pool {
    /// Makes an empty pool; `name` is what its log lines call it.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            servers: Mutex::default(),
            preferred: Mutex::default(),
            in_use: watch::Sender::new(BTreeSet::new()),
        }
    }

    /// Makes the server at `address` the first choice as long as it is used, or no server when it is `None`.
    pub fn prefer(&self, address: Option<IpAddr>) {
        *self.preferred.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Replaces the set of servers. Those that stay keep their health and connections; connections to those
    /// that go are closed.
    pub fn replace(&self, addresses: &[SocketAddr]) {
        let mut servers = self.lock();
        let (stay, go): (Vec<_>, Vec<_>) =
            servers.drain(..).partition(|server| addresses.contains(&server.address));
        *servers = stay;
        for address in addresses {
            if !servers.iter().any(|server| server.address == *address) {
                servers.push(Server::new(*address));
            }
        }
        self.choose(&mut servers);
        for server in go {
            info!(pool = self.name, server = %server.address, "removed");
            server.connections.cancel();
        }
    }

    /// Returns the right to connect to the best server that is not in `tried`.
    ///
    /// Servers in use come first; the others are a last resort, for when none of those can be connected to.
    /// Among equals the preferred server comes first, then the one with the fewest connections; chance
    /// decides the rest, or the first connection of every machine of a cluster would go to the same server.
    pub fn lease(&self, tried: &[SocketAddr]) -> Option<Lease> {
        let servers = self.lock();
        let in_use = self.in_use.borrow();
        let preferred = *self.preferred.lock().unwrap_or_else(PoisonError::into_inner);
        let rank = |server: &&Server| {
            (
                !in_use.contains(&server.address),
                preferred != Some(server.address.ip()),
                server.open.load(Ordering::Relaxed),
                rand::random::<u32>(),
            )
        };
        servers.iter().filter(|server| !tried.contains(&server.address)).min_by_key(rank).map(Server::lease)
    }

    /// Takes in what a look at `server` showed and returns how long to wait before the next one; `calm` is the
    /// rhythm for a server that is well.
    pub fn report(&self, server: SocketAddr, observation: &Observation, calm: Duration) -> Duration {
        let mut servers = self.lock();
        let Some(known) = servers.iter_mut().find(|known| known.address == server) else { return calm };
        let change = known.health.observe(observation);
        let next = known.health.next_look(calm);
        if change.is_some() {
            match observation {
                Observation::Alive => info!(pool = self.name, %server, "up"),
                Observation::Failed(why) => warn!(pool = self.name, %server, why, "down"),
            }
            self.choose(&mut servers);
        }
        next
    }

    /// Asks for an early look at `server`, because a connection to it failed.
    pub fn doubt(&self, server: SocketAddr) {
        if let Some(known) = self.lock().iter().find(|known| known.address == server) {
            known.doubt.notify_one();
        }
    }

    /// Completes when somebody doubts `server`; never, when the pool does not know it.
    pub async fn doubted(&self, server: SocketAddr) {
        let doubt = self.lock().iter().find(|known| known.address == server).map(|known| known.doubt.clone());
        match doubt {
            Some(doubt) => doubt.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Returns the set of servers that connections use, to follow it: every change of a verdict is news, also
    /// when the set is the same after it.
    pub fn in_use(&self) -> watch::Receiver<BTreeSet<SocketAddr>> {
        self.in_use.subscribe()
    }

    /// Returns what is known about each server, in their order.
    pub fn state(&self) -> Vec<ServerState> {
        self.lock()
            .iter()
            .map(|server| ServerState {
                address: server.address,
                verdict: server.health.verdict(),
                open: server.open.load(Ordering::Relaxed),
            })
            .collect()
    }

    /// Decides anew who is used, and closes the connections to all others so that their clients reconnect:
    /// kubelet keeps one HTTP/2 connection for days and would wait many minutes for a dead one.
    fn choose(&self, servers: &mut [Server]) {
        let verdicts: Vec<_> =
            servers.iter().map(|server| (server.address, server.health.verdict())).collect();
        let chosen = keep_last(&verdicts, &self.in_use.borrow());
        for server in servers.iter_mut().filter(|server| !chosen.contains(&server.address)) {
            std::mem::take(&mut server.connections).cancel();
        }
        self.in_use.send_replace(chosen);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            health: Health::default(),
            open: Arc::default(),
            connections: CancellationToken::new(),
            doubt: Arc::default(),
        }
    }

    fn lease(&self) -> Lease {
        self.open.fetch_add(1, Ordering::Relaxed);
        Lease { server: self.address, revoked: self.connections.clone(), open: self.open.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(5);

    fn server(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 6443))
    }

    fn pool(numbers: std::ops::RangeInclusive<u8>) -> Pool {
        let pool = Pool::new("test");
        pool.replace(&numbers.map(server).collect::<Vec<_>>());
        pool
    }

    fn kill(pool: &Pool, number: u8) {
        for _ in 0..2 {
            pool.report(server(number), &Observation::Failed("refused".into()), CALM);
        }
    }

    #[test]
    fn connections_spread_evenly_and_return_their_place() {
        let pool = pool(1..=3);
        let leases: Vec<_> = (0..30).filter_map(|_| pool.lease(&[])).collect();
        assert!(pool.state().iter().all(|server| server.open == 10), "{:?}", pool.state());
        drop(leases);
        assert!(pool.state().iter().all(|server| server.open == 0), "{:?}", pool.state());
    }

    #[test]
    fn the_first_connection_of_many_machines_goes_to_any_server() {
        let firsts: BTreeSet<_> = (0..100).filter_map(|_| pool(1..=3).lease(&[])).map(|l| l.server).collect();
        assert_eq!(firsts.len(), 3);
    }

    #[test]
    fn the_preferred_server_is_used_as_long_as_it_is_well() {
        let pool = pool(1..=3);
        pool.prefer(Some(server(2).ip()));
        let leases: Vec<_> = (0..5).filter_map(|_| pool.lease(&[])).collect();
        assert!(leases.iter().all(|lease| lease.server == server(2)));
        pool.report(server(1), &Observation::Alive, CALM);
        kill(&pool, 2);
        assert_ne!(pool.lease(&[]).unwrap().server, server(2));
    }

    #[test]
    fn a_dead_server_loses_its_connections_but_the_last_does_not() {
        let pool = pool(1..=2);
        pool.report(server(1), &Observation::Alive, CALM);
        pool.report(server(2), &Observation::Alive, CALM);
        let (one, two) = (pool.lease(&[server(2)]).unwrap(), pool.lease(&[server(1)]).unwrap());
        kill(&pool, 1);
        assert!(one.revoked.is_cancelled());
        kill(&pool, 2);
        assert!(!two.revoked.is_cancelled(), "the last server was taken away");
        pool.report(server(1), &Observation::Alive, CALM);
        pool.report(server(1), &Observation::Alive, CALM);
        assert!(two.revoked.is_cancelled(), "another server is up");
        assert!(!pool.lease(&[]).unwrap().revoked.is_cancelled(), "a new lease is a good one");
    }

    #[test]
    fn servers_out_of_use_are_a_last_resort() {
        let pool = pool(1..=2);
        pool.report(server(1), &Observation::Alive, CALM);
        kill(&pool, 2);
        assert_eq!(pool.lease(&[]).unwrap().server, server(1));
        assert_eq!(pool.lease(&[server(1)]).unwrap().server, server(2));
        assert!(pool.lease(&[server(1), server(2)]).is_none());
    }

    #[test]
    fn replacing_keeps_what_is_known_and_closes_what_is_gone() {
        let pool = pool(1..=2);
        pool.report(server(2), &Observation::Alive, CALM);
        kill(&pool, 1);
        let two = pool.lease(&[]).unwrap();
        pool.replace(&[server(1), server(3)]);
        assert!(two.revoked.is_cancelled());
        let verdicts: Vec<_> = pool.state().iter().map(|s| (s.address, s.verdict)).collect();
        assert_eq!(verdicts, [(server(1), Verdict::Down), (server(3), Verdict::Unproven)]);
        assert_eq!(*pool.in_use().borrow(), BTreeSet::from([server(3)]));
    }
}
