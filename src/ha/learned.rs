//! The control planes that were learned from the cluster, and who is right: they or the file. Pure but for
//! the reading and writing.
//!
//! Two sources say who the control planes are. The configuration is written by an operator's run, to the
//! machines it could reach. The cluster's own list is current, but it is a list of API servers that live: a
//! control plane that is down for a minute is missing from it.
//!
//! So what was learned *amends* one configuration: it records the generation and the servers of the file it
//! was learned under. A file with a newer generation wins, and so does one of the same generation with other
//! servers (a run that changes its mind); what was learned is dropped then. An older file (a machine set back
//! to a snapshot) does not win. And as absence from the cluster's list may be a moment's outage, the file's
//! servers stay as candidates behind the learned ones: probes keep those out that do not answer or cannot prove
//! that they belong to this cluster. A worker that was off while every control plane was replaced is healed by
//! the first list it hears; one that reboots while its only listed server is down still knows the others.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::config::{CareConfig, Owner};
use super::store;
use crate::error::Result;

/// Orders the configurations of one cluster: the later has the larger number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// The control planes as the cluster named them, and the configuration this amends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    generation: Generation,
    amends: Vec<SocketAddr>,
    servers: Vec<SocketAddr>,
}

/// The servers of both balancers, best known first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlPlanes {
    /// The API servers.
    pub api: Vec<SocketAddr>,
    /// The registries on the same machines.
    pub registry: Vec<SocketAddr>,
}

impl Learned {
    /// Notes that the cluster named `servers` while `config` was in force. Nothing is learned from an empty
    /// list: it says that no API server lives, in the words of one that does.
    pub fn new(config: &CareConfig, mut servers: Vec<SocketAddr>) -> Option<Self> {
        servers.sort_unstable();
        servers.dedup();
        let amends = api_servers(config).to_vec();
        (!servers.is_empty()).then_some(Self { generation: config.generation, amends, servers })
    }

    /// Reads what an earlier run of `care` noted at `path`.
    pub fn load(path: &Path) -> Result<Self> {
        store::read(path)
    }

    /// Writes it to `path`.
    pub fn save(&self, path: &Path) -> Result<()> {
        store::write(path, self)
    }

    /// Tells whether it is newer than `config`; see this file's head.
    pub fn amends(&self, config: &CareConfig) -> bool {
        config.generation < self.generation
            || (config.generation == self.generation && self.amends == api_servers(config))
    }
}

/// Returns the control planes to use under `config`, given what was learned.
pub fn control_planes(config: &CareConfig, learned: Option<&Learned>) -> ControlPlanes {
    let learned =
        learned.filter(|learned| learned.amends(config)).map_or(&[][..], |learned| &learned.servers);
    let api = learned.iter().chain(api_servers(config)).copied();
    let registry = config.registry.as_ref().map_or(&[][..], |registry| &registry.servers);
    // All registries of a cluster listen at one port.
    let of_cluster = config.registry.as_ref().is_some_and(|registry| registry.owner == Owner::Cluster);
    let beside = registry.first().filter(|_| of_cluster).map(|first| {
        let machines: Vec<IpAddr> = learned.iter().map(SocketAddr::ip).collect();
        machines.into_iter().map(|machine| SocketAddr::new(machine, first.port()))
    });
    ControlPlanes {
        api: distinct(api),
        registry: distinct(beside.into_iter().flatten().chain(registry.iter().copied())),
    }
}

fn api_servers(config: &CareConfig) -> &[SocketAddr] {
    config.api.as_ref().map_or(&[], |api| &api.servers)
}

fn distinct(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = Vec::new();
    for address in addresses {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ha::config::{ApiBalancer, RegistryTunnel, VipPlacement};

    fn at(port: u16, machines: &[u8]) -> Vec<SocketAddr> {
        machines.iter().map(|machine| SocketAddr::from(([10, 0, 0, *machine], port))).collect()
    }

    fn config(generation: u64, machines: &[u8]) -> CareConfig {
        CareConfig {
            cluster: "prod".into(),
            generation: Generation(generation),
            own_address: [10, 0, 0, 9].into(),
            api: Some(ApiBalancer {
                listen: [10, 103, 97, 2].into(),
                port: 6443,
                servers: at(6443, machines),
                ca: None,
                on_this_machine: VipPlacement::Loopback,
            }),
            registry: Some(RegistryTunnel {
                listen: vec![SocketAddr::from(([127, 0, 0, 1], 5000))],
                servers: at(5443, machines),
                ca_pem: String::new(),
                server_name: "registry.sealift".into(),
                owner: Owner::Cluster,
            }),
            refresh: None,
        }
    }

    #[test]
    fn somebody_elses_registry_stays_where_it_is() {
        let mut config = config(5, &[1]);
        config.registry.as_mut().unwrap().owner = Owner::SomebodyElse;
        let learned = Learned::new(&config, at(6443, &[2, 3])).unwrap();
        let found = control_planes(&config, Some(&learned));
        assert_eq!((found.api.len(), found.registry), (3, at(5443, &[1])));
    }

    #[test]
    fn the_newer_of_file_and_cluster_wins() {
        let (then, now) = (config(5, &[1, 2]), config(5, &[1, 2]));
        for (what, learned_under, learned, file, want) in [
            ("the same said", &then, vec![1, 2], now.clone(), vec![1, 2]),
            ("one more", &then, vec![1, 2, 3], now.clone(), vec![1, 2, 3]),
            ("one is down for now", &then, vec![2], now.clone(), vec![2, 1]),
            ("all replaced while it was off", &then, vec![7, 8], now.clone(), vec![7, 8, 1, 2]),
            ("a newer file", &then, vec![7, 8], config(6, &[3]), vec![3]),
            ("the same generation written again", &then, vec![7, 8], config(5, &[3]), vec![3]),
            ("a file from a snapshot", &then, vec![7, 8], config(4, &[3]), vec![7, 8, 3]),
        ] {
            let learned = Learned::new(learned_under, at(6443, &learned));
            let used = control_planes(&file, learned.as_ref());
            assert_eq!(used.api, at(6443, &want), "{what}");
            assert_eq!(used.registry, at(5443, &want), "{what}");
        }
    }

    #[test]
    fn nothing_is_learned_from_an_empty_list() {
        assert_eq!(Learned::new(&config(1, &[1]), vec![]), None);
    }

    #[test]
    fn a_machine_without_a_registry_gets_none() {
        let mut file = config(1, &[1]);
        file.registry = None;
        let learned = Learned::new(&file, at(6443, &[1, 2]));
        assert_eq!(control_planes(&file, learned.as_ref()).registry, []);
    }

    #[test]
    fn what_was_learned_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("learned.json");
        let learned = Learned::new(&config(1, &[1]), at(6443, &[2, 1, 2])).unwrap();
        learned.save(&path).unwrap();
        assert_eq!(Learned::load(&path).unwrap(), learned);
        assert_eq!(learned.servers, at(6443, &[1, 2]));
    }
}
