//! `sealift care`: the daemon on every machine that keeps the control planes and their registries reachable.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::balancer::{Balancer, Opened, Wanted};
use super::config::{ApiBalancer, CareConfig, EndpointRefresh};
use super::forward::Direct;
use super::learned::{ControlPlanes, Learned, control_planes};
use super::notify::Notifier;
use super::watch::WatchedFile;
use super::{endpoints, vip};
use crate::error::Result;

/// What was learned from the cluster is kept beside the configuration.
pub const LEARNED_FILE: &str = "learned.json";

/// How often the virtual address is put back, should something have flushed it off `lo`.
const PLACE_EVERY: Duration = Duration::from_secs(10);

/// Runs until `shutdown` with the configuration at `config_path`, which is followed as it changes.
///
/// Fails only at the start: when the configuration cannot be read or an endpoint cannot be opened. A later
/// configuration that is wrong is logged, and the one before stays in force. The virtual address stays on
/// the machine when this ends; see [`remove`].
pub async fn run(config_path: &Path, shutdown: CancellationToken) -> Result<()> {
    let mut file = WatchedFile::new(config_path);
    let notifier = Notifier::from_environment();
    let (found, mut learned) = mpsc::channel(1);
    let mut care = Care::start(config_path, found).await?;
    notifier.ready(&care.summary());

    let mut place = tokio::time::interval(PLACE_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = file.changed() => care.reload(config_path).await,
            Some(servers) = learned.recv() => care.learn(servers),
            _ = place.tick() => care.keep_address().await,
            () = care.changed() => notifier.status(&care.summary()),
        }
    }
}

/// Sends what `care` logs to standard error, where the journal picks it up and adds the time.
///
/// Does nothing where logging is set up already.
pub fn log_to_journal() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_max_level(tracing::Level::INFO);
    // A second subscriber is refused, and the first is as good.
    let _ = subscriber.try_init();
}

/// Takes away what `care` leaves on a machine when it ends: the virtual address. Returns the addresses taken.
pub async fn remove(config_path: &Path) -> Result<Vec<IpAddr>> {
    // Without a readable configuration the label still finds an IPv4 address.
    let config = CareConfig::load(config_path).ok();
    let endpoint = config.as_ref().and_then(|config| config.api.as_ref()).map(|api| api.listen);
    vip::remove(endpoint).await
}

/// The daemon's parts.
struct Care {
    config: CareConfig,
    learned_path: PathBuf,
    learned: Option<Learned>,
    found: mpsc::Sender<Vec<SocketAddr>>,
    api: Part,
    registry: Part,
    learner: Option<Learner>,
    address_fails: bool,
}

/// What reads the cluster's own list, as long as it is kept.
struct Learner {
    refresh: EndpointRefresh,
    _task: AbortOnDropHandle<()>,
}

impl Care {
    async fn start(config_path: &Path, found: mpsc::Sender<Vec<SocketAddr>>) -> Result<Self> {
        let config = CareConfig::load(config_path)?;
        let learned_path = config_path.with_file_name(LEARNED_FILE);
        let mut care = Self {
            config: config.clone(),
            learned: learned_before(&learned_path),
            learned_path,
            found,
            api: Part::new("api"),
            registry: Part::new("registry"),
            learner: None,
            address_fails: false,
        };
        care.take_over(config).await?;
        Ok(care)
    }

    /// Takes the changed configuration over, or keeps the one in force and says why.
    async fn reload(&mut self, path: &Path) {
        let taken = match CareConfig::load(path) {
            Ok(config) if config == self.config => return,
            Ok(config) => self.take_over(config).await,
            Err(problem) => Err(problem),
        };
        match taken {
            Ok(()) => info!(generation = self.config.generation.0, "configuration taken over"),
            Err(problem) => error!(%problem, "the new configuration is not used, the one before stays"),
        }
    }

    /// Brings everything to `config`. What can fail comes first and changes nothing that runs.
    async fn take_over(&mut self, config: CareConfig) -> Result<()> {
        let servers = control_planes(&config, self.learned.as_ref());
        if let Some(address) = placed(&config) {
            vip::place(address).await?;
        }
        let api = self.api.prepare(api_wanted(&config, &servers)?).await?;
        let registry = self.registry.prepare(registry_wanted(&config, &servers)?).await?;

        self.api.commit(api);
        self.registry.commit(registry);
        let before = std::mem::replace(&mut self.config, config);
        self.learn_by(self.config.refresh.clone());
        if let Some(address) = placed(&before).filter(|address| placed(&self.config) != Some(*address)) {
            vip::take_away(address).await?;
        }
        Ok(())
    }

    /// Reads the cluster's list as `refresh` says from now on.
    fn learn_by(&mut self, refresh: Option<EndpointRefresh>) {
        if self.learner.as_ref().map(|learner| &learner.refresh) == refresh.as_ref() {
            return;
        }
        self.learner = refresh.zip(self.api.balancer.as_ref()).map(|(refresh, api)| {
            let learning = endpoints::learn(api.route().clone(), refresh.clone(), self.found.clone());
            Learner { refresh, _task: AbortOnDropHandle::new(tokio::spawn(learning)) }
        });
    }

    /// Takes in what the cluster says about its control planes.
    fn learn(&mut self, servers: Vec<SocketAddr>) {
        let Some(learned) = Learned::new(&self.config, servers) else { return };
        if self.learned.as_ref() == Some(&learned) {
            return;
        }
        if let Err(problem) = learned.save(&self.learned_path) {
            warn!(%problem, "what was learned is lost at the next start");
        }
        let servers = control_planes(&self.config, Some(&learned));
        self.learned = Some(learned);
        info!(servers = ?servers.api, "control planes learned");
        self.api.serve_instead(&servers.api);
        self.registry.serve_instead(&servers.registry);
    }

    /// Puts the virtual address back where it is missing.
    async fn keep_address(&mut self) {
        let Some(address) = placed(&self.config) else { return };
        match vip::place(address).await {
            Ok(()) => self.address_fails = false,
            Err(problem) if !self.address_fails => {
                self.address_fails = true;
                error!(%problem, "the virtual address may be missing");
            }
            Err(_) => {}
        }
    }

    /// Completes when something is news for people.
    async fn changed(&mut self) {
        tokio::select! {
            () = self.api.changed() => {}
            () = self.registry.changed() => {}
        }
    }

    /// Says how all does in one line.
    fn summary(&self) -> String {
        let parts = [&self.api, &self.registry].into_iter().filter_map(|part| part.balancer.as_ref());
        parts.map(Balancer::summary).collect::<Vec<_>>().join(", ")
    }
}

/// One of the two balancers, or its absence.
struct Part {
    name: &'static str,
    balancer: Option<Balancer>,
    in_use: Option<watch::Receiver<BTreeSet<SocketAddr>>>,
}

/// A part's next form, which nothing can stop any more.
struct Prepared {
    fresh: Option<Balancer>,
    wanted: Wanted,
    opened: Opened,
}

impl Part {
    fn new(name: &'static str) -> Self {
        Self { name, balancer: None, in_use: None }
    }

    /// Opens what is needed to become what is `wanted`, beside what runs.
    async fn prepare(&self, wanted: Option<Wanted>) -> Result<Option<Prepared>> {
        let Some(wanted) = wanted else { return Ok(None) };
        let fresh = match &self.balancer {
            Some(_) => None,
            None => Some(Balancer::new(self.name, wanted.dial.clone(), wanted.probe.clone())),
        };
        let opened = match self.balancer.as_ref().or(fresh.as_ref()) {
            Some(balancer) => balancer.open(&wanted.listen).await?,
            None => return Ok(None),
        };
        Ok(Some(Prepared { fresh, wanted, opened }))
    }

    /// Becomes what was prepared, or ends.
    fn commit(&mut self, prepared: Option<Prepared>) {
        let Some(Prepared { fresh, wanted, opened }) = prepared else {
            *self = Self::new(self.name);
            return;
        };
        if let Some(fresh) = fresh {
            self.in_use = Some(fresh.pool().in_use());
            self.balancer = Some(fresh);
        }
        if let Some(balancer) = &mut self.balancer {
            balancer.become_wanted(wanted, opened);
        }
    }

    fn serve_instead(&mut self, servers: &[SocketAddr]) {
        if let Some(balancer) = &mut self.balancer {
            balancer.serve_instead(servers);
        }
    }

    async fn changed(&mut self) {
        if let Some(in_use) = &mut self.in_use
            && in_use.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

fn learned_before(path: &Path) -> Option<Learned> {
    if !path.exists() {
        return None;
    }
    Learned::load(path)
        .inspect_err(|problem| warn!(%problem, "starting without what was learned before"))
        .ok()
}

/// Returns the virtual address, where this machine has to have it.
fn placed(config: &CareConfig) -> Option<IpAddr> {
    config.api.as_ref().and_then(ApiBalancer::endpoint).map(|endpoint| endpoint.ip())
}

fn api_wanted(config: &CareConfig, servers: &ControlPlanes) -> Result<Option<Wanted>> {
    let Some(api) = &config.api else { return Ok(None) };
    Ok(Some(Wanted {
        listen: api.endpoint().into_iter().collect(),
        servers: servers.api.clone(),
        // Clients of the virtual address spread over all control planes.
        preferred: None,
        dial: Arc::new(Direct),
        probe: api.probe()?,
    }))
}

fn registry_wanted(config: &CareConfig, servers: &ControlPlanes) -> Result<Option<Wanted>> {
    let Some(registry) = &config.registry else { return Ok(None) };
    Ok(Some(Wanted {
        listen: registry.listen.clone(),
        servers: servers.registry.clone(),
        // Layers that are on this machine already need not cross the network.
        preferred: Some(config.own_address),
        dial: registry.dial()?,
        probe: registry.probe()?,
    }))
}
