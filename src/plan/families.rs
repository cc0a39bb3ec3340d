//! The address families of a cluster: the address that a machine has of the second one.

use std::net::IpAddr;

use super::networks::is_clusters_own;
use crate::error::{Class, Problem};
use crate::model::{Cluster, Family, Interface, MachineSpec, Network, Observed};

/// Returns a machine's address of the second family, in a cluster that has one: as the operator says, or as the machine shows it on the
/// interface that has its first address, else on another one.
pub fn second_address(network: &Network, observed: &Observed, machine: &MachineSpec) -> Option<IpAddr> {
    network.pods.second()?;
    let wanted = Family::of(machine.address).other();
    if let Some(named) = machine.second_address {
        return Some(named);
    }
    let interfaces = &observed.facts(&machine.name)?.interfaces;
    let is_own = |interface: &&Interface| interface.addresses.iter().any(|net| net.addr() == machine.address);
    let of = |interface: &Interface| {
        let addresses = interface.addresses.iter().map(ipnet::IpNet::addr);
        let fits =
            |address: &IpAddr| Family::of(*address) == wanted && leads_from_elsewhere(*address, network);
        addresses.into_iter().find(fits)
    };
    let own = interfaces.iter().filter(is_own).find_map(of);
    own.or_else(|| interfaces.iter().filter(|one| !is_clusters_own(&one.name)).find_map(of))
}

/// Whether other machines can reach a machine at this address.
fn leads_from_elsewhere(address: IpAddr, network: &Network) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let mut own = network.pods.each().chain(network.services.each());
    !address.is_loopback()
        && !is_link_local
        && address != network.vip
        && !own.any(|net| net.contains(&address))
}

/// Finds machines that are of another family than the cluster's networks, and those that lack an address of the second one.
pub(super) fn check(cluster: &Cluster, observed: &Observed) -> Vec<Problem> {
    let network = &cluster.network;
    let first = network.services.family();
    let mut problems = vec![];
    for machine in &cluster.machines {
        if Family::of(machine.address) != first {
            let message = format!(
                "its address {} is of another family than the Services' network {}, with which the cluster begins",
                machine.address, network.services
            );
            let remedy =
                format!("reach it at an address of {first}, or give networks that begin with its family");
            problems.push(Problem::new(Class::Config, message).on(&machine.name).remedy(remedy));
            continue;
        }
        let shows_some = observed.facts(&machine.name).is_some_and(|facts| !facts.interfaces.is_empty());
        if network.pods.second().is_some()
            && shows_some
            && second_address(network, observed, machine).is_none()
        {
            let second = first.other();
            let message =
                format!("it has no address of {second}, and pods are to have one, of {}", network.pods);
            let remedy = format!(
                "give it one, or keep one family; where none of its interfaces shows it, name both: `{{ssh: {}, node: [{}, ADDRESS]}}`",
                machine.ssh, machine.address
            );
            problems.push(Problem::new(Class::Machine, message).on(&machine.name).remedy(remedy));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MachineFacts, Seen};
    use crate::plan::testing::{desired, fresh, observed};

    /// A cluster of both families whose only machine shows these addresses beside 10.0.0.1.
    fn with(interfaces: &[(&str, &[&str])]) -> (Cluster, Observed) {
        let mut wanted = desired(1, 0);
        wanted.cluster.network.pods = "10.8.0.0/16,fd01::/48".parse().unwrap();
        let shown = |spec: &MachineSpec| {
            let interface = |(name, addresses): &(&str, &[&str])| Interface {
                name: (*name).to_owned(),
                mtu: 1500,
                addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            };
            MachineFacts { interfaces: interfaces.iter().map(interface).collect(), ..fresh(spec) }
        };
        let seen = observed(&wanted, shown);
        (wanted.cluster, seen)
    }

    #[test]
    fn a_machines_second_address_is_one_that_others_can_reach() {
        for (interfaces, want) in [
            (vec![("eth0", &["10.0.0.1/24", "fe80::1/64", "fd00::1/64"][..])], Some("fd00::1")),
            (vec![("eth1", &["fd00::9/64"][..]), ("eth0", &["10.0.0.1/24", "fd00::1/64"])], Some("fd00::1")),
            (
                vec![("eth0", &["10.0.0.1/24"][..]), ("lo", &["fd00::7/128"]), ("eth1", &["fd00::9/64"])],
                Some("fd00::9"),
            ),
            (vec![("eth0", &["10.0.0.1/24", "fd01::5/64"][..]), ("flannel-v6.1", &["fd00::9/64"])], None),
        ] {
            let (cluster, observed) = with(&interfaces);
            let found = second_address(&cluster.network, &observed, &cluster.machines[0]);
            assert_eq!(found, want.map(|address| address.parse().unwrap()), "{interfaces:?}");
            let problems = check(&cluster, &observed);
            assert_eq!(problems.len(), usize::from(want.is_none()), "{problems:?}");
            assert!(
                problems.iter().all(|one| one.message.starts_with("it has no address of IPv6")),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn what_the_operator_names_is_taken_and_a_machine_that_is_silent_is_no_problem() {
        let (mut cluster, mut observed) = with(&[("eth0", &["10.0.0.1/24", "fd00::1/64"])]);
        cluster.machines[0].second_address = Some("fd00::5".parse().unwrap());
        let found = second_address(&cluster.network, &observed, &cluster.machines[0]);
        assert_eq!(found, Some("fd00::5".parse().unwrap()));
        cluster.machines[0].second_address = None;
        let silent = Seen::Unknown(Problem::new(Class::Connection, "it is off"));
        observed.machines.insert(cluster.machines[0].name.clone(), silent);
        assert_eq!(check(&cluster, &observed), vec![]);
    }

    #[test]
    fn machines_are_of_the_family_that_the_cluster_begins_with() {
        let (mut cluster, observed) = with(&[("eth0", &["10.0.0.1/24", "fd00::1/64"])]);
        cluster.network.services = "fd02::/112".parse().unwrap();
        let problems = check(&cluster, &observed);
        assert!(problems[0].message.starts_with("its address 10.0.0.1 is of another family"), "{problems:?}");
    }
}
