//! `--provider container`: machines that are containers with systemd and OpenSSH, made through the Docker API.
//!
//! Everything of a cluster has its label: containers, their volumes, its network. What has not is never touched.

mod body;
mod engine;
mod foresee;
mod found;
mod host;
mod key;
mod make;
mod names;
mod network;
mod privileges;
mod ready;
mod remove;
mod running;
mod subnet;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use futures_util::{StreamExt as _, stream};
use ipnet::{IpNet, Ipv4Net};

pub use self::foresee::ForeseenMachine;

use self::body::Blueprint;
use self::engine::{Engine, if_there, refused};
use self::found::{Found, Standing};
use self::key::Key;
use self::names::{CLUSTER_LABEL, ClusterName, Place};
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
        let standing = Standing::new(&found, control_planes, workers)?;
        let key = self.key(&cluster, &found)?;
        let network = self.network(&cluster, &found).await?;
        let blueprint = self.blueprint(&cluster, &standing, network, &key, image).await?;
        let one =
            |place: &Place| self.stand_up(*place, standing.at(*place), blueprint.as_ref(), &cluster, &key);
        all_at_once(standing.places.iter().map(one).collect()).await
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
        let standing = Standing::new(&found, control_planes, workers)?;
        if standing.is_complete() {
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
            .remedy(format!("or let `sealift delete` remove theirs, cluster {cluster}, with all it holds"))
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
        let privileges = privileges::choose(host.bounds, self.engine.api_minor)?;
        let network = match network {
            Some(network) => network,
            None => network::make(&self.engine, cluster, &[&host.routes[..], &self.avoided].concat()).await?,
        };
        Ok(Some(Blueprint {
            cluster: cluster.clone(),
            image: image.to_owned(),
            network,
            key: key.clone(),
            privileges,
            modules: host.modules,
            nameservers: host.nameservers,
            user_namespace: self.engine.user_namespace(),
        }))
    }

    async fn require_image(&self, image: &str) -> Result<()> {
        match if_there(self.engine.docker.inspect_image(image).await).map_err(refused("tell its images"))? {
            Some(_) => Ok(()),
            None => Err(missing_image(image)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_image_is_told_with_the_command_that_makes_it() {
        for (image, command) in [(MACHINE_IMAGE, "images/machine/build.sh"), ("mine:1", "docker pull mine:1")]
        {
            let problem = missing_image(image);
            assert!(problem.message.contains(image) && problem.remedies[0].ends_with(command), "{problem:?}");
        }
    }
}
