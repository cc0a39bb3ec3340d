//! One balancer: its listeners, its servers and the probes that look at them, brought to what is wanted.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::forward::{Dial, Route};
use super::health::Verdict;
use super::pool::Pool;
use super::probe::Probe;
use crate::error::{Class, Context, Result};

/// What a balancer should be.
pub struct Wanted {
    /// Where it listens; nowhere, it only watches its servers.
    pub listen: Vec<SocketAddr>,
    /// Its servers.
    pub servers: Vec<SocketAddr>,
    /// The machine whose server is the first choice.
    pub preferred: Option<IpAddr>,
    /// How connections to them are made.
    pub dial: Arc<dyn Dial>,
    /// How they are looked at.
    pub probe: Probe,
}

/// A balancer that runs; dropping it closes its listeners and connections.
pub struct Balancer {
    name: &'static str,
    pool: Arc<Pool>,
    route: Arc<Route>,
    listeners: BTreeMap<SocketAddr, DropGuard>,
    probe: Arc<Probe>,
    probes: BTreeMap<SocketAddr, AbortOnDropHandle<()>>,
}

/// Endpoints that are open but not served yet: taking them is what can fail, so it comes before any change.
pub struct Opened(Vec<(SocketAddr, TcpListener)>);

impl Balancer {
    /// Makes a balancer that has no servers yet and listens nowhere.
    pub fn new(name: &'static str, dial: Arc<dyn Dial>, probe: Probe) -> Self {
        let pool = Arc::new(Pool::new(name));
        Self {
            name,
            route: Arc::new(Route::new(pool.clone(), dial)),
            pool,
            listeners: BTreeMap::new(),
            probe: Arc::new(probe),
            probes: BTreeMap::new(),
        }
    }

    /// Opens those of the `wanted` endpoints that it does not have yet.
    ///
    /// Errors have class `Machine`: another process has the port, or the address is not on this machine.
    pub async fn open(&self, wanted: &[SocketAddr]) -> Result<Opened> {
        let mut opened = Vec::new();
        for address in wanted.iter().filter(|address| !self.listeners.contains_key(address)) {
            let listener = TcpListener::bind(address)
                .await
                .problem_with(Class::Machine, || format!("cannot listen at {address} for the {}", self.name))
                .map_err(|problem| {
                    problem.remedy(format!("find out who has the port: ss -ltnp sport = :{}", address.port()))
                })?;
            opened.push((*address, listener));
        }
        Ok(Opened(opened))
    }

    /// Becomes what is `wanted`; `opened` has the endpoints that are new. Connections that fit stay open.
    pub fn become_wanted(&mut self, wanted: Wanted, opened: Opened) {
        self.route.dial_by(wanted.dial);
        self.pool.prefer(wanted.preferred);
        if *self.probe != wanted.probe {
            self.probe = Arc::new(wanted.probe);
            self.probes.clear();
        }
        self.serve_instead(&wanted.servers);
        self.listeners.retain(|address, _| wanted.listen.contains(address));
        for (address, listener) in opened.0 {
            let stop = CancellationToken::new();
            tokio::spawn(self.route.clone().serve(listener, stop.clone()));
            self.listeners.insert(address, stop.drop_guard());
            info!(pool = self.name, %address, "listening");
        }
    }

    /// Replaces the set of servers and nothing else.
    pub fn serve_instead(&mut self, servers: &[SocketAddr]) {
        self.pool.replace(servers);
        self.probes.retain(|server, _| servers.contains(server));
        for server in servers {
            self.probes.entry(*server).or_insert_with(|| {
                AbortOnDropHandle::new(tokio::spawn(self.probe.clone().watch(*server, self.pool.clone())))
            });
        }
    }

    /// Returns its servers, to follow them.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Returns the way to its servers, for a connection of our own.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Says how it does in a few words: `api 2 of 3 up`.
    pub fn summary(&self) -> String {
        let servers = self.pool.state();
        let up = servers.iter().filter(|server| server.verdict == Verdict::Up).count();
        format!("{} {up} of {} up", self.name, servers.len())
    }
}
