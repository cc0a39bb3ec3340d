//! Makes one machine, or makes one that exists run again, by whatever its state wants.

use std::net::IpAddr;

use bollard::models::ContainerSummaryStateEnum as State;
use bollard::query_parameters::CreateContainerOptionsBuilder;

use super::body::Blueprint;
use super::engine::{refused, status, words};
use super::found::Found;
use super::key::Key;
use super::names::{ClusterName, Place};
use super::{ContainerProvider, MadeMachine, network, ready};
use crate::error::{Class, Problem, Result};

impl ContainerProvider {
    /// Makes one machine, or starts it where it exists, and waits until it can be used.
    pub(super) async fn stand_up(
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
        match (found, blueprint) {
            (Some(Found { state: State::RUNNING | State::RESTARTING, .. }), _) => return Ok(()),
            (Some(Found { state: State::PAUSED, .. }), _) => {
                let unpaused = self.engine.docker.unpause_container(&name).await;
                return unpaused.map_err(refused("unpause the container"));
            }
            (Some(Found { state: State::DEAD | State::REMOVING, id, .. }), Some(blueprint)) => {
                self.remove_container(id).await?;
                self.create(place, blueprint, &name).await?;
            }
            (None, Some(blueprint)) => self.create(place, blueprint, &name).await?,
            _ => {}
        }
        self.start(cluster, place).await
    }

    /// Starts a container; one whose network was removed and made again does not know the new one.
    async fn start(&self, cluster: &ClusterName, place: Place) -> Result<()> {
        let name = place.container(cluster);
        let start = || self.engine.docker.start_container(&name, None);
        match start().await {
            Err(error) if status(&error) == Some(404) && words(&error).contains("No such container") => {
                // It is listed before it is whole: whoever had it made was killed or is at work at this moment.
                ready::there(&self.engine, &name).await?;
                start().await.map_err(refused("start the container"))
            }
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
            Err(error) if status(&error) == Some(409) => self.made_meanwhile(place, blueprint, name).await,
            Err(error) => Err(refused("make the container")(error)),
        }
    }

    /// Checks that the container which was there first is the same machine, made by the same operator.
    async fn made_meanwhile(&self, place: Place, blueprint: &Blueprint, name: &str) -> Result<()> {
        ready::there(&self.engine, name).await?;
        let found = self.find(&blueprint.cluster).await?;
        let same = |found: &Found| {
            found.place == place && found.key_fingerprint.as_ref() == Some(&blueprint.key.fingerprint)
        };
        if found.iter().any(same) {
            return Ok(());
        }
        Err(Problem::new(
            Class::Refused,
            format!("the Docker container {name} is not this cluster's machine"),
        )
        .remedy("give the cluster another name, or remove that container"))
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
}
