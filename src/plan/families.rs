//! The address families of a cluster: the address that a machine has of the second one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::networks::is_clusters_own;
use crate::error::{Class, Problem};
use crate::model::{Cluster, Family, Interface, MachineFacts, MachineSpec, Network, Observed};

/// Returns a machine's address of the second family, in a cluster that has one: as the operator says, or as the machine shows it on the
/// interface that has its first address, else on another one.
pub fn second_address(network: &Network, observed: &Observed, machine: &MachineSpec) -> Option<IpAddr> {
    network.pods.second()?;
    let wanted = Family::of(machine.address).other();
    if let Some(named) = machine.second_address {
        return Some(named);
    }
    let facts = observed.facts(&machine.name)?;
    if let Some(told) = told(facts) {
        return Some(told);
    }
    let interfaces = &facts.interfaces;
    let is_own = |interface: &&Interface| interface.addresses.iter().any(|net| net.addr() == machine.address);
    let of = |interface: &Interface| {
        let addresses = interface.addresses.iter().map(ipnet::IpNet::addr);
        let fits =
            |address: &IpAddr| Family::of(*address) == wanted && leads_from_elsewhere(*address, network);
        addresses.into_iter().find(fits)
    };
    let own = interfaces.iter().filter(is_own).find_map(of);
    let is_for_others = |one: &&Interface| !is_clusters_own(&one.name) && !is_inward(&one.name);
    own.or_else(|| interfaces.iter().filter(is_for_others).find_map(of))
}

/// Bridges to containers and virtual machines on this machine, whose addresses every machine may have.
fn is_inward(interface: &str) -> bool {
    ["docker", "br-", "virbr", "podman", "lxcbr", "lxdbr", "incusbr"]
        .iter()
        .any(|prefix| interface.starts_with(prefix))
}

/// The second of the addresses that a member's kubelet was told when it came in.
fn told(facts: &MachineFacts) -> Option<IpAddr> {
    facts.node_addresses.get(1).copied().filter(|_| facts.joined)
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

/// Finds machines that are of another family than the cluster's networks, those that are to join and lack an address of the second one,
/// and second addresses that cannot be.
pub(super) fn check(cluster: &Cluster, observed: &Observed) -> Vec<Problem> {
    let network = &cluster.network;
    let mut problems = vec![];
    for machine in &cluster.machines {
        if let Some(problem) = of_other_family(network, machine) {
            problems.push(problem.on(&machine.name));
            continue;
        }
        let Some(facts) = observed.facts(&machine.name) else { continue };
        let found = if facts.joined {
            changed(network, facts, machine)
        } else {
            lacking(network, observed, facts, machine)
        };
        problems.extend(found.map(|problem| problem.on(&machine.name)));
    }
    problems.extend(shared(cluster, observed));
    problems
}

/// Finds members that lost their second address: they go on with the first one, and stand in nobody's way.
pub(super) fn doubts(cluster: &Cluster, observed: &Observed) -> Vec<Problem> {
    let of = |machine: &MachineSpec| {
        let facts = observed.facts(&machine.name).filter(|facts| facts.joined)?;
        Some(lacking(&cluster.network, observed, facts, machine)?.on(&machine.name))
    };
    cluster.machines.iter().filter_map(of).collect()
}

fn of_other_family(network: &Network, machine: &MachineSpec) -> Option<Problem> {
    let first = network.services.family();
    (Family::of(machine.address) != first).then(|| {
        let message = format!(
            "its address {} is of another family than the Services' network {}, with which the cluster begins",
            machine.address, network.services
        );
        let remedy = format!("reach it at an address of {first}, or give networks that begin with its family");
        Problem::new(Class::Config, message).remedy(remedy)
    })
}

/// Finds a machine without an address of the second family, or without the one that is its own: kubelet takes none that is on no interface.
fn lacking(
    network: &Network,
    observed: &Observed,
    facts: &MachineFacts,
    machine: &MachineSpec,
) -> Option<Problem> {
    network.pods.second()?;
    let second = Family::of(machine.address).other();
    let problem = |message: String, remedy: String| {
        Some(Problem::new(Class::Machine, message).during("address").remedy(remedy))
    };
    let name = format!("`{{ssh: {}, node: [{}, ADDRESS]}}`", machine.ssh, machine.address);
    match second_address(network, observed, machine) {
        _ if facts.interfaces.is_empty() => None,
        None => problem(
            format!("it has no address of {second}, and pods are to have one, of {}", network.pods),
            format!(
                "give one of its interfaces an address of {second}, or keep one family; one that only a bridge to containers or \
                 virtual machines has, name: {name}"
            ),
        ),
        Some(address) if shows(facts, address) => None,
        Some(address) if facts.joined => problem(
            format!("none of its interfaces has the address {address}, which its kubelet was told"),
            "give it that address back: its pods are not reached in that family".to_owned(),
        ),
        Some(address) => problem(
            format!("none of its interfaces has its second address {address}"),
            format!("give it that address, or name one that it has: {name}"),
        ),
    }
}

fn shows(facts: &MachineFacts, address: IpAddr) -> bool {
    let mut addresses = facts.interfaces.iter().flat_map(|interface| &interface.addresses);
    addresses.any(|net| net.addr() == address)
}

/// A kubelet is told its addresses when its machine joins, and never again.
fn changed(network: &Network, facts: &MachineFacts, machine: &MachineSpec) -> Option<Problem> {
    network.pods.second()?;
    let wanted = machine.second_address?;
    let first = facts.node_addresses.first()?;
    let before = told(facts);
    if before == Some(wanted) {
        return None;
    }
    let had = before.map_or_else(|| first.to_string(), |second| format!("{first} and {second}"));
    let keep = before.map_or_else(
        || "name no second address".to_owned(),
        |second| format!("name the one that it joined with, {second}"),
    );
    let problem = Problem::new(
        Class::Refused,
        format!("its second address cannot become {wanted} while it is a member of the cluster"),
    );
    Some(problem.during("address").saw(format!("it joined with {had}")).remedy(keep).remedy(
        "or let it join anew: take it out with `sealift scale down`, and apply this definition again",
    ))
}

/// No two machines have one address; the first ones are looked at where machines are read. Members that were told the same one are
/// what they are: their kubelets are told nothing else any more.
fn shared(cluster: &Cluster, observed: &Observed) -> Vec<Problem> {
    let is_new = |machine: &MachineSpec| observed.facts(&machine.name).is_none_or(|facts| !facts.joined);
    let mut by_address: BTreeMap<IpAddr, Vec<&MachineSpec>> = BTreeMap::new();
    for machine in &cluster.machines {
        if let Some(address) = second_address(&cluster.network, observed, machine) {
            by_address.entry(address).or_default().push(machine);
        }
    }
    by_address.retain(|_, machines| machines.len() > 1 && machines.iter().any(|machine| is_new(machine)));
    let told = |(address, machines): (IpAddr, Vec<&MachineSpec>)| {
        let machines: Vec<&str> = machines.iter().map(|machine| machine.name.0.as_str()).collect();
        let message = format!("{} have the same second address, {address}", machines.join(" and "));
        Problem::new(Class::Config, message)
            .during("address")
            .remedy("name one of its own for each: `{ssh: HOST, node: [FIRST, SECOND]}`")
    };
    by_address.into_iter().map(told).collect()
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
            (
                vec![
                    ("docker0", &["fd00::8/64"][..]),
                    ("br-12ab", &["fd00::8/64"]),
                    ("virbr0", &["fd00::8/64"]),
                    ("eth0", &["10.0.0.1/24"]),
                ],
                None,
            ),
            (vec![("br-lan", &["10.0.0.1/24", "fd00::8/64"][..])], Some("fd00::8")),
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
    fn a_named_second_address_is_on_an_interface() {
        let (mut cluster, observed) = with(&[("eth0", &["10.0.0.1/24", "fd00::1/64"])]);
        for (named, want) in [("fd00::1", 0), ("fd00::5", 1)] {
            cluster.machines[0].second_address = Some(named.parse().unwrap());
            let problems = check(&cluster, &observed);
            assert_eq!(problems.len(), want, "{problems:?}");
            let told = "none of its interfaces has its second address fd00::5";
            assert!(problems.iter().all(|one| one.message == told), "{problems:?}");
        }
    }

    /// Makes the machine a member whose kubelet was told these addresses.
    fn join(observed: &mut Observed, told: &[&str]) {
        for facts in observed.machines.values_mut() {
            let Seen::Known(facts) = facts else { continue };
            facts.joined = true;
            facts.node_addresses = told.iter().map(|address| address.parse().unwrap()).collect();
        }
    }

    #[test]
    fn a_member_that_lost_its_second_address_is_no_more_than_doubted() {
        for (interfaces, told, want) in [
            (&["10.0.0.1/24"][..], &["10.0.0.1", "fd00::1"][..], Some("which its kubelet was told")),
            (&["10.0.0.1/24", "fd00::7/64"], &["10.0.0.1", "fd00::1"], Some("which its kubelet was told")),
            (&["10.0.0.1/24", "fd00::7/64", "fd00::1/64"], &["10.0.0.1", "fd00::1"], None),
            (&["10.0.0.1/24"], &["10.0.0.1"], Some("it has no address of IPv6")),
        ] {
            let (cluster, mut observed) = with(&[("eth0", interfaces)]);
            join(&mut observed, told);
            assert_eq!(check(&cluster, &observed), vec![], "{interfaces:?}");
            let doubts = doubts(&cluster, &observed);
            assert_eq!(doubts.len(), usize::from(want.is_some()), "{doubts:?}");
            assert!(doubts.iter().all(|one| one.message.contains(want.unwrap())), "{doubts:?}");
        }
        let (cluster, fresh) = with(&[("eth0", &["10.0.0.1/24"])]);
        assert_eq!((check(&cluster, &fresh).len(), doubts(&cluster, &fresh)), (1, vec![]));
    }

    #[test]
    fn a_member_keeps_the_second_address_that_it_joined_with() {
        let (mut cluster, mut observed) = with(&[("eth0", &["10.0.0.1/24", "fd00::1/64", "fd00::2/64"])]);
        for (told, named, want) in [
            (&["10.0.0.1", "fd00::1"][..], "fd00::1", None),
            (&["10.0.0.1", "fd00::1"], "fd00::2", Some("it joined with 10.0.0.1 and fd00::1")),
            (&["10.0.0.1"], "fd00::1", Some("it joined with 10.0.0.1")),
            (&[], "fd00::2", None),
        ] {
            join(&mut observed, told);
            cluster.machines[0].second_address = Some(named.parse().unwrap());
            let problems = check(&cluster, &observed);
            let seen: Vec<_> = problems.iter().flat_map(|one| one.seen.iter().map(String::as_str)).collect();
            assert_eq!(seen, want.into_iter().collect::<Vec<_>>(), "{told:?} {named}");
        }
    }

    #[test]
    fn no_two_machines_have_one_second_address() {
        let mut wanted = desired(1, 1);
        wanted.cluster.network.pods = "10.8.0.0/16,fd01::/48".parse().unwrap();
        let seen = observed(&wanted, |spec| {
            let mut facts = fresh(spec);
            facts.interfaces[0].addresses.push("fd00::1/64".parse().unwrap());
            facts
        });
        let problems = check(&wanted.cluster, &seen);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.ends_with("have the same second address, fd00::1"), "{problems:?}");
        let members = observed(&wanted, |spec| {
            let mut facts = fresh(spec);
            facts.interfaces[0].addresses.push("fd00::1/64".parse().unwrap());
            MachineFacts {
                joined: true,
                node_addresses: vec![spec.address, "fd00::1".parse().unwrap()],
                ..facts
            }
        });
        assert_eq!(check(&wanted.cluster, &members), [], "they stay as they are");
    }

    #[test]
    fn machines_are_of_the_family_that_the_cluster_begins_with() {
        let (mut cluster, observed) = with(&[("eth0", &["10.0.0.1/24", "fd00::1/64"])]);
        cluster.network.services = "fd02::/112".parse().unwrap();
        let problems = check(&cluster, &observed);
        assert!(problems[0].message.starts_with("its address 10.0.0.1 is of another family"), "{problems:?}");
    }
}
