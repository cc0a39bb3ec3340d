//! Machines that are still to be made, as they will be called and reached; nothing is made for that.

use std::net::IpAddr;

use super::found::Standing;
use super::names::ClusterName;
use super::{ContainerProvider, network};
use crate::error::Result;
use crate::model::Role;

/// A machine that [`ContainerProvider::ensure`] would make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenMachine {
    /// Its own name: `blue-worker-2`.
    pub hostname: String,
    /// The address it will have in the cluster's Docker network. Where that network is still to be made, it is that of the
    /// first one that is free now.
    pub address: IpAddr,
    /// What it is to be made for.
    pub role: Role,
}

impl ContainerProvider {
    /// Returns the machines that are missing, control planes first.
    pub async fn foresee(
        &self,
        cluster: &str,
        control_planes: usize,
        workers: usize,
    ) -> Result<Vec<ForeseenMachine>> {
        let cluster = ClusterName::new(cluster)?;
        let found = self.find(&cluster).await?;
        let standing = Standing::new(&found, control_planes, workers)?;
        let network = match network::find(&self.engine, &cluster).await? {
            Some(network) => network,
            None => match found.iter().find_map(|found| found.network) {
                Some(network) => network,
                None => network::first_free(&self.engine, &self.avoided).await?,
            },
        };
        let missing = standing.places.iter().filter(|place| standing.at(**place).is_none());
        let foreseen = missing.map(|place| ForeseenMachine {
            hostname: place.hostname(&cluster),
            address: place.address(network).into(),
            role: place.role,
        });
        Ok(foreseen.collect())
    }
}
