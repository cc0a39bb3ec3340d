//! A cluster as a dialect's reader understood it, with the places that checks across fields need.

use std::net::IpAddr;

use super::place::{Located, Place};
use super::registry::DraftRegistry;
use crate::model::{Declared, DeclaredMachine, DeclaredMachines, DeclaredNetwork, Places, Subnets};

/// A cluster that was read and not yet checked as a whole.
#[derive(Debug)]
pub(super) struct Draft {
    /// Where its description begins.
    pub(super) place: Place,
    /// Its name.
    pub(super) name: Option<Located<String>>,
    /// Its images.
    pub(super) images: Vec<Located<String>>,
    /// Its machines.
    pub(super) machines: DraftMachines,
    /// Its networks.
    pub(super) network: DraftNetwork,
    /// The registry that machines pull from, where something is said of it.
    pub(super) registry: Option<DraftRegistry>,
    /// Everything else.
    pub(super) rest: Declared,
}

/// Where machines come from.
#[derive(Debug)]
pub(super) enum DraftMachines {
    /// They are the operator's.
    Given(Vec<Located<DeclaredMachine>>),
    /// They are made.
    Made(Located<DeclaredMachines>),
}

/// Networks with their places.
#[derive(Debug, Default)]
pub(super) struct DraftNetwork {
    /// Where pods get their addresses.
    pub(super) pods: Option<Located<Subnets>>,
    /// Where Services get their addresses.
    pub(super) services: Option<Located<Subnets>>,
    /// The virtual address.
    pub(super) vip: Option<Located<IpAddr>>,
    /// The suffix of the cluster's names.
    pub(super) dns_domain: Option<Located<String>>,
    /// The machines' interface.
    pub(super) interface: Option<String>,
    /// The pod network that an image provides.
    pub(super) pod_network: Option<String>,
}

impl Draft {
    /// Begins an empty one.
    pub(super) fn at(place: Place) -> Self {
        Self {
            place,
            name: None,
            images: vec![],
            machines: DraftMachines::Given(vec![]),
            network: DraftNetwork::default(),
            registry: None,
            rest: Declared::default(),
        }
    }

    /// Returns where its networks stand, since an image may turn out not to take them.
    pub(super) fn places_of_networks(&self, position: impl Fn(Place) -> String) -> Places {
        let Self { network, .. } = self;
        let named = [("/pods", &network.pods), ("/services", &network.services)];
        let placed = named.into_iter().filter_map(|(name, net)| Some((name.to_owned(), net.as_ref()?.place)));
        placed.map(|(name, place)| (name, position(place))).collect()
    }

    /// Forgets the places, but those of networks. The registry goes by itself, since its place is told later, too.
    pub(super) fn into_declared(self, places: Places) -> Declared {
        let network = self.network;
        Declared {
            name: self.name.map(|name| name.value).unwrap_or_default(),
            images: self.images.into_iter().map(|image| image.value).collect(),
            machines: match self.machines {
                DraftMachines::Given(machines) => {
                    DeclaredMachines::Given(machines.into_iter().map(|machine| machine.value).collect())
                }
                DraftMachines::Made(made) => made.value,
            },
            network: DeclaredNetwork {
                pods: network.pods.map(|pods| pods.value),
                services: network.services.map(|services| services.value),
                vip: network.vip.map(|vip| vip.value),
                dns_domain: network.dns_domain.map(|domain| domain.value),
                interface: network.interface,
                pod_network: network.pod_network,
                places,
            },
            ..self.rest
        }
    }
}
