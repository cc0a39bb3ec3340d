//! The machines of a cluster that run now, as they can be logged in to; nothing is made or started.

use bollard::models::ContainerSummaryStateEnum as State;

use super::names::ClusterName;
use super::{ContainerProvider, MadeMachine, key, ready};
use crate::error::Result;

impl ContainerProvider {
    /// Returns the cluster's machines that run, control planes first. One that cannot tell its host key is not
    /// among them.
    pub async fn running(&self, cluster: &str) -> Result<Vec<MadeMachine>> {
        let cluster = ClusterName::new(cluster)?;
        let ssh_key = key::path(&self.home, &cluster);
        let found = self.find(&cluster).await?;
        let running = found.into_iter().filter(|found| found.state == State::RUNNING);
        let machines = running.filter_map(|found| Some((found.address?, found))).map(|(address, found)| {
            let (ssh_key, hostname) = (ssh_key.clone(), found.place.hostname(&cluster));
            async move {
                Some(MadeMachine {
                    host_key: ready::host_key(&self.engine, &found.id).await.ok()?,
                    name: found.name,
                    hostname,
                    container: found.id,
                    address,
                    role: found.place.role,
                    ssh_key,
                })
            }
        });
        Ok(futures_util::future::join_all(machines).await.into_iter().flatten().collect())
    }
}
