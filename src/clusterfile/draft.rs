//! A cluster as a dialect's reader understood it, with the places that checks across fields need.

use std::net::IpAddr;

use ipnet::IpNet;

use super::place::{Located, Place};
use crate::model::{
    Declared, DeclaredLogin, DeclaredMachine, DeclaredMachines, DeclaredNetwork, Environment, HostAlias,
};

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
    /// How machines are logged in to.
    pub(super) login: DeclaredLogin,
    /// Variables for all.
    pub(super) environment: Environment,
    /// In place of the first application's commands.
    pub(super) command: Option<Vec<String>>,
    /// Its networks.
    pub(super) network: DraftNetwork,
    /// Names that all machines know.
    pub(super) host_aliases: Vec<HostAlias>,
    /// More names of the API servers.
    pub(super) certificate_names: Vec<String>,
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
    pub(super) pods: Option<Located<IpNet>>,
    /// Where Services get their addresses.
    pub(super) services: Option<Located<IpNet>>,
    /// The virtual address.
    pub(super) vip: Option<Located<IpAddr>>,
    /// The suffix of the cluster's names.
    pub(super) dns_domain: Option<String>,
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
            login: DeclaredLogin::default(),
            environment: Environment::new(),
            command: None,
            network: DraftNetwork::default(),
            host_aliases: vec![],
            certificate_names: vec![],
        }
    }

    /// Forgets the places.
    pub(super) fn into_declared(self) -> Declared {
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
            login: self.login,
            environment: self.environment,
            command: self.command,
            network: DeclaredNetwork {
                pods: network.pods.map(|pods| pods.value),
                services: network.services.map(|services| services.value),
                vip: network.vip.map(|vip| vip.value),
                dns_domain: network.dns_domain,
                interface: network.interface,
                pod_network: network.pod_network,
            },
            host_aliases: self.host_aliases,
            certificate_names: self.certificate_names,
            not_acted_on: vec![],
            warnings: vec![],
        }
    }
}
