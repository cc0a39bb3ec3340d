//! What is there of a cluster, beside what there should be.

use std::net::IpAddr;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use ipnet::Ipv4Net;

use super::ContainerMachine;
use super::host::Host;
use super::names::{self, ClusterName, KEY_LABEL, Place};
use crate::error::{Problem, Result};
use crate::model::Role;

/// A container as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) address: Option<IpAddr>,
    /// The network it was made for.
    pub(super) network: Option<Ipv4Net>,
    pub(super) key_fingerprint: Option<String>,
}

impl Found {
    /// Reads Docker's description; `None` is a container that is no machine of the cluster.
    pub(super) fn read(container: ContainerSummary, cluster: &ClusterName) -> Option<Self> {
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

    pub(super) fn described(self, cluster: &ClusterName) -> ContainerMachine {
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

/// The places the cluster should have, beside what was found of it.
pub(super) struct Standing<'a> {
    pub(super) places: Vec<Place>,
    found: &'a [Found],
}

impl<'a> Standing<'a> {
    /// Chooses places for so many machines: where some exist already, as far as they go.
    pub(super) fn new(found: &'a [Found], control_planes: usize, workers: usize) -> Result<Self> {
        let existing: Vec<Place> = found.iter().map(|found| found.place).collect();
        let mut places = names::places(Role::ControlPlane, control_planes, &existing)?;
        places.extend(names::places(Role::Worker, workers, &existing)?);
        Ok(Self { places, found })
    }

    /// Returns the container at a place.
    pub(super) fn at(&self, place: Place) -> Option<&'a Found> {
        self.found.iter().find(|found| found.place == place)
    }

    /// Whether no machine has to be made.
    pub(super) fn is_complete(&self) -> bool {
        self.places.iter().all(|place| self.is_made(*place))
    }

    /// Returns what the host has too little of for the machines that have to be made.
    pub(super) fn shortages(&self, host: &Host) -> Vec<Problem> {
        host.shortages(self.missing(Role::ControlPlane), self.missing(Role::Worker))
    }

    fn missing(&self, role: Role) -> usize {
        self.places.iter().filter(|place| place.role == role && !self.is_made(**place)).count()
    }

    /// Whether there is a container that can be started.
    fn is_made(&self, place: Place) -> bool {
        self.at(place).is_some_and(|found| !matches!(found.state, State::DEAD | State::REMOVING))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(role: &str, index: u8, state: &str, address: &str) -> ContainerSummary {
        serde_json::from_value(json!({
            "Id": format!("id-{role}-{index}"),
            "Names": [format!("/sealift-blue-{role}-{index}")],
            "State": state,
            "Labels": {
                "io.sealift.cluster": "blue",
                "io.sealift.role": role,
                "io.sealift.index": index.to_string(),
                "io.sealift.ssh-key": "SHA256:abc",
            },
            "NetworkSettings": { "Networks": { "sealift-blue": {
                "IPAMConfig": { "IPv4Address": "172.29.3.11" },
                "IPAddress": address,
            } } },
        }))
        .unwrap()
    }

    fn found(role: &str, index: u8, state: &str) -> Found {
        Found::read(listed(role, index, state, "172.29.3.11"), &ClusterName::new("blue").unwrap()).unwrap()
    }

    #[test]
    fn a_container_that_does_not_run_keeps_its_address() {
        let cluster = ClusterName::new("blue").unwrap();
        for (state, address) in [("running", "172.29.3.11"), ("exited", "")] {
            let found = Found::read(listed("control-plane", 1, state, address), &cluster).unwrap();
            assert_eq!(found.network, Some("172.29.3.0/24".parse().unwrap()), "{state}");
            let machine = found.described(&cluster);
            assert_eq!(machine.address, Some("172.29.3.11".parse().unwrap()), "{state}");
            assert_eq!(
                (machine.name.as_str(), machine.state.as_str()),
                ("sealift-blue-control-plane-1", state)
            );
        }
    }

    #[test]
    fn what_is_not_a_machine_is_not_found() {
        let cluster = ClusterName::new("blue").unwrap();
        assert!(Found::read(listed("probe", 1, "running", ""), &cluster).is_none());
        assert!(Found::read(ContainerSummary::default(), &cluster).is_none());
    }

    #[test]
    fn only_what_can_be_started_stands() {
        for (states, complete) in [
            (["running", "exited"], true),
            (["created", "paused"], true),
            (["running", "dead"], false),
            (["removing", "running"], false),
        ] {
            let found = [found("control-plane", 1, states[0]), found("worker", 1, states[1])];
            let standing = Standing::new(&found, 1, 1).unwrap();
            assert_eq!(standing.is_complete(), complete, "{states:?}");
            assert!(Standing::new(&found, 1, 0).is_ok_and(|standing| standing.places.len() == 1));
        }
        let found = [found("worker", 1, "running")];
        let standing = Standing::new(&found, 1, 2).unwrap();
        assert_eq!((standing.missing(Role::ControlPlane), standing.missing(Role::Worker)), (1, 1));
    }
}
