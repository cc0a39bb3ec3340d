//! Whether the cluster's networks and its machines' addresses can live beside each other.

use std::net::IpAddr;

use ipnet::IpNet;

use super::families;
use crate::error::{Class, Problem};
use crate::model::{Cluster, Network, Observed};

/// Finds every overlap of machines, pods, Services, virtual address and name servers.
pub fn check(cluster: &Cluster, observed: &Observed) -> Vec<Problem> {
    let network = &cluster.network;
    let mut problems = own_networks(network);
    problems.extend(families::check(cluster, observed));
    for machine in &cluster.machines {
        for (what, range) in ranges(network) {
            if range.contains(&machine.address) {
                problems.push(
                    overlap(&format!("its address {} lies in the {what} {range}", machine.address), what)
                        .on(&machine.name),
                );
            }
        }
        let Some(facts) = observed.facts(&machine.name) else { continue };
        for interface in facts.interfaces.iter().filter(|interface| !is_clusters_own(&interface.name)) {
            for (what, range) in ranges(network) {
                for address in interface.addresses.iter().filter(|address| range.contains(&address.addr())) {
                    if address.addr() != machine.address {
                        let seen =
                            format!("{} has {address}, which lies in the {what} {range}", interface.name);
                        problems.push(overlap(&seen, what).on(&machine.name));
                    }
                }
            }
        }
        for server in &facts.nameservers {
            for (what, range) in ranges(network).into_iter().filter(|(_, range)| range.contains(server)) {
                problems.push(
                    overlap(&format!("its name server {server} lies in the {what} {range}"), what)
                        .on(&machine.name),
                );
            }
        }
    }
    problems
}

/// Interfaces that a pod network or care made on a machine of ours.
pub(super) fn is_clusters_own(interface: &str) -> bool {
    ["lo", "cni", "flannel", "cali", "cilium", "veth", "kube-", "nodelocaldns"]
        .iter()
        .any(|prefix| interface.starts_with(prefix))
}

fn ranges(network: &Network) -> Vec<(&'static str, IpNet)> {
    let pods = network.pods.each().map(|net| ("pod network", net));
    pods.chain(network.services.each().map(|net| ("Service network", net))).collect()
}

fn own_networks(network: &Network) -> Vec<Problem> {
    let mut problems = Vec::new();
    for pods in network.pods.each() {
        for services in network.services.each().filter(|services| overlaps(&pods, services)) {
            let seen = format!("the pod network {pods} and the Service network {services} overlap");
            problems.push(overlap(&seen, "pod network"));
        }
    }
    for (what, range) in ranges(network) {
        if range.contains(&network.vip) {
            problems.push(
                Problem::new(
                    Class::Config,
                    format!("the virtual address {} lies in the {what} {range}", network.vip),
                )
                .remedy("choose another one with --vip"),
            );
        }
    }
    if is_unusable(network.vip) {
        problems.push(
            Problem::new(Class::Config, format!("{} cannot be a virtual address", network.vip))
                .remedy("choose an address that no machine has and nothing routes to"),
        );
    }
    problems
}

fn overlaps(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

fn is_unusable(address: IpAddr) -> bool {
    address.is_loopback() || address.is_multicast() || address.is_unspecified()
}

fn overlap(message: &str, what: &str) -> Problem {
    let flag = if what == "pod network" { "--pod-cidr" } else { "--service-cidr" };
    Problem::new(Class::Config, message).remedy(format!("choose another {what} with {flag}"))
}
