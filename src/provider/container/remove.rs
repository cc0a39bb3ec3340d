//! Removes machines and clusters: only what has the cluster's label, and all of it.

use bollard::query_parameters::{
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};

use super::engine::{if_there, refused, status};
use super::names::ClusterName;
use super::{ContainerProvider, all_at_once, key, network, ready};
use crate::error::{Problems, Result};

impl ContainerProvider {
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

    async fn remove_containers(&self, ids: Vec<String>) -> Result<(), Problems> {
        all_at_once(ids.iter().map(|id| self.remove_container(id)).collect()).await.map(|_| ())
    }

    /// Removes a container and its anonymous volumes; one that somebody else removes at this moment is waited for.
    pub(super) async fn remove_container(&self, id: &str) -> Result<()> {
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
