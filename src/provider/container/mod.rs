//! `--provider container`: machines that are containers with systemd and OpenSSH, made through the Docker API.
//!
//! Everything of a cluster has its label: containers, their volumes, its network. What has not is never touched.

mod body;
mod engine;
mod host;
mod key;
mod names;
mod network;
mod privileges;
mod ready;
mod subnet;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::{StreamExt as _, stream};
use ipnet::{IpNet, Ipv4Net};

use self::body::Blueprint;
use self::engine::{Engine, if_there, refused, status, words};
use self::host::Host;
use self::key::Key;
use self::names::{CLUSTER_LABEL, ClusterName, KEY_LABEL, Place};
use crate::error::{Class, Problem, Problems, Result};
use crate::model::Role;

/// The machine image that `images/machine/build.sh` builds.
pub const MACHINE_IMAGE: &str = "sealift/machine:bookworm";

/// Who logs in to the machines.
pub const SSH_USER: &str = "root";

/// How many containers are made or removed at the same time.
const AT_ONCE: usize = 4;

/// Makes and removes machines that are containers.
#[derive(Debug, Clone)]
pub struct ContainerProvider {
    engine: Engine,
    home: PathBuf,
    avoided: Vec<IpNet>,
}

/// A machine that is up and lets us in by SSH on port 22 as [`SSH_USER`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeMachine {
    /// The container's name: `sealift-blue-control-plane-1`.
    pub name: String,
    /// The machine's own name: `blue-control-plane-1`.
    pub hostname: String,
    /// The container's id, 64 hexadecimal digits.
    pub container: String,
    /// Its address in the cluster's Docker network, the same for as long as it exists.
    pub address: IpAddr,
    /// What it was made for.
    pub role: Role,
    /// The private key that it lets in: OpenSSH's format, without a passphrase.
    pub ssh_key: PathBuf,
    /// Its SSH server's public key, `ssh-ed25519 AAAA...`: what a line of `known_hosts` has after the host.
    pub host_key: String,
}

/// A container that stands for a machine, whether it runs or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerMachine {
    /// The container's name: `sealift-blue-worker-2`.
    pub name: String,
    /// The machine's own name: `blue-worker-2`.
    pub hostname: String,
    /// The container's id, 64 hexadecimal digits.
    pub container: String,
    /// Its address in the cluster's Docker network; `None` when it was never connected to it.
    pub address: Option<IpAddr>,
    /// What it was made for.
    pub role: Role,
    /// Docker's word for what it does: `running`, `exited`...
    pub state: String,
}

/// A container as it was found.
#[derive(Debug, Clone)]
struct Found {
    place: Place,
    id: String,
    name: String,
    state: State,
    address: Option<IpAddr>,
    /// The network it was made for.
    network: Option<Ipv4Net>,
    key_fingerprint: Option<String>,
}

impl ContainerProvider {
    /// Connects to the Docker Engine of `DOCKER_HOST`, or of this machine; keys are kept below `home`.
    ///
    /// Fails with class `Connection` when none answers, and `Config` when it cannot hold machines: older than 20.10,
    /// rootless, or not Linux.
    pub async fn connect(home: &Path) -> Result<Self> {
        Ok(Self { engine: Engine::connect().await?, home: home.to_owned(), avoided: vec![] })
    }

    /// Keeps new machines' networks out of these: the pods', the Services', the VIP's.
    #[must_use]
    pub fn avoiding(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.avoided.extend(networks);
        self
    }

    /// Makes sure that the cluster has so many machines and that they are up, and returns them, control planes first.
    ///
    /// Containers that exist are kept and started; only missing ones are made, from `image`. More than asked for are
    /// neither removed nor returned.
    pub async fn ensure(
        &self,
        cluster: &str,
        control_planes: usize,
        workers: usize,
        image: &str,
    ) -> Result<Vec<MadeMachine>, Problems> {
        let cluster = ClusterName::new(cluster)?;
        let found = self.find(&cluster).await?;
        let places = wanted(&found, control_planes, workers)?;
        let key = self.key(&cluster, &found)?;
        let standing = Standing { places: &places, found: &found };
        let network = self.network(&cluster, &found).await?;
        let blueprint = self.blueprint(&cluster, &standing, network, &key, image).await?;
        let one =
            |place: &Place| self.stand_up(*place, standing.at(*place), blueprint.as_ref(), &cluster, &key);
        all_at_once(places.iter().map(one).collect()).await
    }

    /// Returns what the engine's host has too little of for the machines that [`Self::ensure`] would make; empty is
    /// good. Looks with a container of `image` that is removed again.
    pub async fn shortages(
        &self,
        cluster: &str,
        control_planes: usize,
        workers: usize,
        image: &str,
    ) -> Result<Vec<Problem>> {
        let cluster = ClusterName::new(cluster)?;
        let found = self.find(&cluster).await?;
        let places = wanted(&found, control_planes, workers)?;
        let standing = Standing { places: &places, found: &found };
        if standing.missing(Role::ControlPlane) + standing.missing(Role::Worker) == 0 {
            return Ok(vec![]);
        }
        self.require_image(image).await?;
        Ok(standing.shortages(&host::look(&self.engine, &cluster, image).await?))
    }

    /// Returns the cluster's containers, control planes first; changes nothing.
    pub async fn list(&self, cluster: &str) -> Result<Vec<ContainerMachine>> {
        let cluster = ClusterName::new(cluster)?;
        Ok(self.find(&cluster).await?.into_iter().map(|found| found.described(&cluster)).collect())
    }

    /// Returns the names of all clusters that have containers or a network on this engine.
    pub async fn clusters(&self) -> Result<BTreeSet<String>> {
        let labelled = HashMap::from([("label", vec![CLUSTER_LABEL.to_owned()])]);
        let containers = self.containers(&labelled).await?;
        let names = containers.into_iter().filter_map(|container| container.labels?.remove(CLUSTER_LABEL));
        Ok(names.chain(network::clusters(&self.engine).await?).collect())
    }

    /// Removes some of the cluster's machines with all that they hold, by container or host name; those that are gone
    /// are fine.
    pub async fn remove_machines(&self, cluster: &str, names: &[String]) -> Result<(), Problems> {
        let cluster = ClusterName::new(cluster)?;
        let found = self.find(&cluster).await?;
        let chosen = found.into_iter().filter(|found| {
            let hostname = found.place.hostname(&cluster);
            names.iter().any(|name| *name == found.name || *name == hostname)
        });
        self.remove_containers(chosen.map(|found| found.id).collect()).await
    }

    /// Removes everything of the cluster: containers, their volumes, its network and the key of its machines.
    pub async fn remove(&self, cluster: &str) -> Result<(), Problems> {
        let cluster = ClusterName::new(cluster)?;
        let containers = self.containers(&cluster.filter()).await?;
        self.remove_containers(containers.into_iter().filter_map(|container| container.id).collect()).await?;
        self.remove_volumes(&cluster).await?;
        network::remove(&self.engine, &cluster).await?;
        Ok(key::remove(&self.home, &cluster)?)
    }

    async fn find(&self, cluster: &ClusterName) -> Result<Vec<Found>> {
        let containers = self.containers(&cluster.filter()).await?;
        let mut found: Vec<Found> =
            containers.into_iter().filter_map(|container| Found::read(container, cluster)).collect();
        found.sort_unstable_by_key(|found| found.place);
        Ok(found)
    }

    async fn containers(&self, filter: &HashMap<&str, Vec<String>>) -> Result<Vec<ContainerSummary>> {
        let options = ListContainersOptionsBuilder::default().all(true).filters(filter).build();
        self.engine.docker.list_containers(Some(options)).await.map_err(refused("list its containers"))
    }

    /// Returns the key of the cluster's machines; it is made for a cluster that has none.
    fn key(&self, cluster: &ClusterName, found: &[Found]) -> Result<Key> {
        let Some(first) = found.first() else { return key::load_or_make(&self.home, cluster) };
        let key = key::load(&self.home, cluster)?;
        let fits =
            |key: &Key| found.iter().all(|found| found.key_fingerprint.as_ref() == Some(&key.fingerprint));
        key.filter(fits).ok_or_else(|| {
            let path = key::path(&self.home, cluster);
            Problem::new(
                Class::Refused,
                format!("the machines of the cluster {cluster} were made with another key"),
            )
            .on(&first.name)
            .saw(format!("it lets in {}", first.key_fingerprint.as_deref().unwrap_or("no key of sealift")))
            .remedy(format!("bring the key of who made them to {}", path.display()))
            .remedy("give your cluster another name")
            .remedy(format!("remove theirs, with all it holds: sealift delete --cluster {cluster}"))
        })
    }

    /// Returns the cluster's network; one that containers were made for and that is gone is made again. `None` when
    /// there never was one.
    async fn network(&self, cluster: &ClusterName, found: &[Found]) -> Result<Option<Ipv4Net>> {
        if let Some(network) = network::find(&self.engine, cluster).await? {
            return Ok(Some(network));
        }
        match found.iter().find_map(|found| found.network) {
            Some(network) => network::restore(&self.engine, cluster, network).await.map(Some),
            None => Ok(None),
        }
    }

    /// Prepares what new machines have in common, the network too; `None` when nothing is missing.
    async fn blueprint(
        &self,
        cluster: &ClusterName,
        standing: &Standing<'_>,
        network: Option<Ipv4Net>,
        key: &Key,
        image: &str,
    ) -> Result<Option<Blueprint>> {
        if standing.is_complete() {
            return Ok(None);
        }
        self.require_image(image).await?;
        let host = host::look(&self.engine, cluster, image).await?;
        for shortage in standing.shortages(&host) {
            tracing::warn!("{shortage}; {}", shortage.remedies.join("; "));
        }
        let network = match network {
            Some(network) => network,
            None => network::make(&self.engine, cluster, &[&host.routes[..], &self.avoided].concat()).await?,
        };
        Ok(Some(Blueprint {
            cluster: cluster.clone(),
            image: image.to_owned(),
            network,
            key: key.clone(),
            privileges: privileges::choose(host.bounds, self.engine.api_minor)?,
            modules: host.modules,
            user_namespace: self.engine.user_namespace(),
        }))
    }

    async fn require_image(&self, image: &str) -> Result<()> {
        match if_there(self.engine.docker.inspect_image(image).await).map_err(refused("tell its images"))? {
            Some(_) => Ok(()),
            None => Err(missing_image(image)),
        }
    }

    /// Makes one machine, or starts it where it exists, and waits until it can be used.
    async fn stand_up(
        &self,
        place: Place,
        found: Option<&Found>,
        blueprint: Option<&Blueprint>,
        cluster: &ClusterName,
        key: &Key,
    ) -> Result<MadeMachine> {
        let name = place.container(cluster);
        async {
            self.bring_up(place, found, blueprint, cluster).await?;
            ready::systemd(&self.engine, &name).await?;
            let (container, address) = self.connected(cluster, place).await?;
            ready::ssh(address).await?;
            Ok(MadeMachine {
                name: name.clone(),
                hostname: place.hostname(cluster),
                host_key: ready::host_key(&self.engine, &container).await?,
                container,
                address,
                role: place.role,
                ssh_key: key.path.clone(),
            })
        }
        .await
        .map_err(|problem: Problem| problem.on(&name))
    }

    /// Makes the container run, by whatever its state wants.
    async fn bring_up(
        &self,
        place: Place,
        found: Option<&Found>,
        blueprint: Option<&Blueprint>,
        cluster: &ClusterName,
    ) -> Result<()> {
        let name = place.container(cluster);
        match (found.map(|found| found.state), found, blueprint) {
            (Some(State::RUNNING | State::RESTARTING), ..) => return Ok(()),
            (Some(State::PAUSED), ..) => {
                return self
                    .engine
                    .docker
                    .unpause_container(&name)
                    .await
                    .map_err(refused("unpause the container"));
            }
            (Some(State::DEAD | State::REMOVING), Some(found), Some(blueprint)) => {
                self.remove_container(&found.id).await?;
                self.create(place, blueprint, &name).await?;
            }
            (None, _, Some(blueprint)) => self.create(place, blueprint, &name).await?,
            _ => {}
        }
        self.start(cluster, place).await
    }

    /// Starts a container; one whose network was removed and made again does not know the new one.
    async fn start(&self, cluster: &ClusterName, place: Place) -> Result<()> {
        let name = place.container(cluster);
        let start = || self.engine.docker.start_container(&name, None);
        match start().await {
            Err(error) if status(&error) == Some(404) && words(&error).contains("network") => {
                network::connect(&self.engine, cluster, place).await?;
                start().await.map_err(refused("start the container"))
            }
            answer => answer.map_err(refused("start the container")),
        }
    }

    async fn create(&self, place: Place, blueprint: &Blueprint, name: &str) -> Result<()> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        match self.engine.docker.create_container(Some(options), blueprint.body(place)).await {
            Ok(_) => Ok(()),
            Err(error) if status(&error) == Some(409) => {
                self.made_meanwhile(place, blueprint).await.map_err(|_| {
                    refused("make the container")(error)
                        .remedy("give the cluster another name, or remove the container that has this one")
                })
            }
            Err(error) => Err(refused("make the container")(error)),
        }
    }

    /// Checks that the container which was there first is the same machine, made by the same operator.
    async fn made_meanwhile(&self, place: Place, blueprint: &Blueprint) -> Result<()> {
        let found = self.find(&blueprint.cluster).await?;
        let same = |found: &&Found| {
            found.place == place && found.key_fingerprint.as_ref() == Some(&blueprint.key.fingerprint)
        };
        found
            .iter()
            .find(same)
            .map(|_| ())
            .ok_or_else(|| Problem::new(Class::Refused, "not the same machine"))
    }

    /// Returns a running container's id and its address, and connects it again where somebody disconnected it.
    async fn connected(&self, cluster: &ClusterName, place: Place) -> Result<(String, IpAddr)> {
        if let Some(connected) = self.id_and_address(cluster, place).await? {
            return Ok(connected);
        }
        network::connect(&self.engine, cluster, place).await?;
        self.id_and_address(cluster, place).await?.ok_or_else(|| {
            Problem::new(Class::Machine, "the container has no address in its cluster's network")
        })
    }

    async fn id_and_address(&self, cluster: &ClusterName, place: Place) -> Result<Option<(String, IpAddr)>> {
        let found = self.find(cluster).await?.into_iter().find(|found| found.place == place);
        Ok(found.and_then(|found| Some((found.id, found.address?))))
    }

    async fn remove_containers(&self, ids: Vec<String>) -> Result<(), Problems> {
        all_at_once(ids.iter().map(|id| self.remove_container(id)).collect()).await.map(|_| ())
    }

    /// Removes a container and its anonymous volumes; one that somebody else removes at this moment is waited for.
    async fn remove_container(&self, id: &str) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match if_there(self.engine.docker.remove_container(id, Some(options)).await) {
            Err(error) if status(&error) == Some(409) => ready::gone(&self.engine, id).await,
            answer => answer.map(|_| ()).map_err(refused(format!("remove the container {id}"))),
        }
    }

    /// Removes volumes that outlived their containers: `docker rm` without `-v` leaves them.
    async fn remove_volumes(&self, cluster: &ClusterName) -> Result<()> {
        let options = ListVolumesOptionsBuilder::default().filters(&cluster.filter()).build();
        let listed =
            self.engine.docker.list_volumes(Some(options)).await.map_err(refused("list its volumes"))?;
        for volume in listed.volumes.unwrap_or_default() {
            let removed = self.engine.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await;
            if_there(removed).map_err(refused(format!("remove the volume {}", volume.name)))?;
        }
        Ok(())
    }
}

/// The places the cluster should have, beside what was found of it.
struct Standing<'a> {
    places: &'a [Place],
    found: &'a [Found],
}

impl<'a> Standing<'a> {
    fn at(&self, place: Place) -> Option<&'a Found> {
        self.found.iter().find(|found| found.place == place)
    }

    fn missing(&self, role: Role) -> usize {
        self.places.iter().filter(|place| place.role == role && !self.is_made(**place)).count()
    }

    fn is_complete(&self) -> bool {
        self.places.iter().all(|place| self.is_made(*place))
    }

    /// Whether there is a container that can be started.
    fn is_made(&self, place: Place) -> bool {
        self.at(place).is_some_and(|found| !matches!(found.state, State::DEAD | State::REMOVING))
    }

    fn shortages(&self, host: &Host) -> Vec<Problem> {
        host.shortages(self.missing(Role::ControlPlane), self.missing(Role::Worker))
    }
}

impl Found {
    /// Reads Docker's description; `None` is a container that is no machine of the cluster.
    fn read(container: ContainerSummary, cluster: &ClusterName) -> Option<Self> {
        let labels = container.labels?;
        let networks = container.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let place = Place::from_labels(&labels)?;
        let endpoint = networks.get(&cluster.network());
        // A container that does not run has only the address that was asked for.
        let address = endpoint.and_then(|endpoint| {
            let asked = endpoint.ipam_config.as_ref().and_then(|config| config.ipv4_address.as_ref());
            [endpoint.ip_address.as_ref(), asked]
                .into_iter()
                .flatten()
                .find_map(|address| address.parse().ok())
        });
        Some(Self {
            place,
            network: address.and_then(names::network_of),
            id: container.id?,
            name: container.names?.first()?.trim_start_matches('/').to_owned(),
            state: container.state.unwrap_or(State::EMPTY),
            address,
            key_fingerprint: labels.get(KEY_LABEL).cloned(),
        })
    }

    fn described(self, cluster: &ClusterName) -> ContainerMachine {
        ContainerMachine {
            hostname: self.place.hostname(cluster),
            role: self.place.role,
            state: self.state.to_string(),
            name: self.name,
            container: self.id,
            address: self.address,
        }
    }
}

fn wanted(found: &[Found], control_planes: usize, workers: usize) -> Result<Vec<Place>> {
    let existing: Vec<Place> = found.iter().map(|found| found.place).collect();
    let mut places = names::places(Role::ControlPlane, control_planes, &existing)?;
    places.extend(names::places(Role::Worker, workers, &existing)?);
    Ok(places)
}

fn missing_image(image: &str) -> Problem {
    let problem = Problem::new(Class::Config, format!("the Docker Engine has no machine image {image}"));
    if image == MACHINE_IMAGE {
        problem.remedy("build it: images/machine/build.sh")
    } else {
        problem.remedy(format!("bring it there: docker pull {image}"))
    }
}

/// Does some at a time, and returns all results in their order, or all that went wrong.
async fn all_at_once<T>(work: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>, Problems> {
    let results: Vec<Result<T>> = stream::iter(work).buffered(AT_ONCE).collect().await;
    let mut good = Vec::new();
    let mut problems = Vec::new();
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems).map(|()| good)
}
