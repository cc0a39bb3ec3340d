//! What only the whole shows: hosts that stand twice, control planes, networks that overlap.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::draft::{Draft, DraftMachines};
use super::ledger::{Finding, Ledger};
use super::place::{Located, Place};
use super::registry;
use crate::model::network_rules::{self, Breach};
use crate::model::{DeclaredMachine, DeclaredMachines, Role, Subnets};

/// What a sentence calls a machine.
const MACHINE: &str = "the machine";

/// Checks a cluster.
pub(super) fn check(ledger: &Ledger, draft: &Draft) {
    if let Some(name) = draft.name.as_ref().filter(|name| !is_dns_label(&name.value)) {
        let finding = Finding::of(name, format!("`{}` cannot be the name of a cluster", name.value));
        ledger.error(
            finding
                .remedy("use at most 63 small letters, digits and `-`, with a letter or digit at both ends"),
        );
    }
    images(ledger, draft);
    match &draft.machines {
        DraftMachines::Given(machines) => {
            hosts_once(ledger, machines);
            families(ledger, machines);
            let first = machines.iter().find(|machine| machine.value.role == Role::ControlPlane);
            let count = machines.iter().filter(|machine| machine.value.role == Role::ControlPlane).count();
            control_planes(ledger, count, first.map_or(draft.place, |machine| machine.place));
        }
        DraftMachines::Made(made) => control_planes(ledger, count_of(&made.value), made.place),
    }
    networks(ledger, draft);
    registry::check(ledger, draft);
}

fn images(ledger: &Ledger, draft: &Draft) {
    if draft.images.is_empty() && !ledger.has_errors() {
        let finding = Finding::at(draft.place, "the cluster has no image");
        ledger.error(finding.remedy("name at least one that brings Kubernetes, such as kubernetes:v1.36.3"));
    }
    let mut seen: HashMap<&str, Place> = HashMap::new();
    for image in &draft.images {
        if image.value.chars().any(char::is_whitespace) {
            let finding = Finding::of(image, format!("`{}` is no name of an image", image.value));
            ledger.error(finding.remedy("write it as `name:tag`, each image as an item of its own"));
        } else if let Some(first) = seen.insert(&image.value, image.place) {
            let finding = Finding::of(image, format!("the image `{}` stands here twice", image.value));
            ledger.error(finding.also("the first time", first).remedy("leave one of them out"));
        }
    }
}

fn count_of(made: &DeclaredMachines) -> usize {
    match made {
        DeclaredMachines::Given(machines) => machines.len(),
        DeclaredMachines::Containers { control_planes, .. } => *control_planes,
        DeclaredMachines::AlibabaCloud { control_planes, .. } => control_planes.count,
    }
}

fn control_planes(ledger: &Ledger, count: usize, place: Place) {
    if count == 0 {
        // What went wrong with the list of hosts is told already.
        if !ledger.has_errors() {
            ledger.error(
                Finding::at(place, "the cluster has no control plane")
                    .remedy("give at least one machine that role: `control-plane`, or `master` in files of sealer and sealos"),
            );
        }
    } else if count.is_multiple_of(2) {
        let message = if count == 2 {
            "of 2 control planes none may fail, and the loss of either is the loss of the cluster".to_owned()
        } else {
            format!("of {count} control planes only {} may fail, as of {}", (count - 1) / 2, count - 1)
        };
        let remedy = format!("take {} or {}", count - 1, count + 1);
        ledger.warn(Finding::at(place, message).remedy(remedy));
    }
}

/// A machine may stand in the file once: neither its host, whatever the port, nor its address is that of another one.
fn hosts_once(ledger: &Ledger, machines: &[Located<DeclaredMachine>]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, machine) in machines.iter().enumerate() {
        // One address has many spellings in IPv6.
        let host =
            machine.value.ssh.ip().map_or_else(|| machine.value.ssh.host.to_lowercase(), |ip| ip.to_string());
        let addresses = machine.value.address.into_iter().chain(machine.value.second_address);
        let names = std::iter::once(host).chain(addresses.map(|address| address.to_string()));
        let Some((name, first)) = names
            .filter_map(|name| seen.insert(name.clone(), index).map(|first| (name, first)))
            .find(|(_, first)| *first != index)
        else {
            continue;
        };
        let first = &machines[first];
        let message = if first.value.role == machine.value.role {
            format!("the host {name} stands here a second time")
        } else {
            format!("the host {name} is a {} here and a {} elsewhere", machine.value.role, first.value.role)
        };
        let finding = Finding::at(machine.place, message).also("the first time", first.place);
        ledger.error(finding.remedy("let each machine stand in one group, once"));
    }
}

/// The address by which the other machines know one, as far as the file says.
fn address(machine: &DeclaredMachine) -> Option<IpAddr> {
    machine.address.or_else(|| machine.ssh.ip())
}

fn families(ledger: &Ledger, machines: &[Located<DeclaredMachine>]) {
    let known = |machine: &&Located<DeclaredMachine>| address(&machine.value).is_some();
    let Some(first) = machines.iter().find(known) else { return };
    let is_v4 = |machine: &DeclaredMachine| address(machine).is_some_and(|address| address.is_ipv4());
    let other = machines.iter().filter(known).find(|machine| is_v4(&machine.value) != is_v4(&first.value));
    if let Some(other) = other {
        let message =
            format!("{} is of another address family than {}", other.value.ssh.host, first.value.ssh.host);
        let finding = Finding::at(other.place, message).also("the first machine", first.place);
        ledger.error(finding.remedy("reach all machines of a cluster at addresses of one family"));
    }
}

/// A network or address of the cluster, as a sentence calls it.
#[derive(Clone, Copy)]
struct Named {
    what: &'static str,
    net: IpNet,
    place: Place,
}

/// The networks of one kind: one, or one of each family.
fn named(what: &'static str, subnets: Option<&Located<Subnets>>) -> Vec<Named> {
    let each = subnets.into_iter().flat_map(|one| one.value.each().map(|net| (net, one.place)));
    each.map(|(net, place)| Named { what, net, place }).collect()
}

fn networks(ledger: &Ledger, draft: &Draft) {
    let network = &draft.network;
    let pods = named("the pods' network", network.pods.as_ref());
    let services = named("the Services' network", network.services.as_ref());
    if let (Some(of_pods), Some(of_services)) = (&network.pods, &network.services) {
        alike(ledger, of_pods, of_services);
    }
    for one in &services {
        for other in pods.iter().filter(|other| overlap(&one.net, &other.net)) {
            let message = format!("{} {} overlaps {} {}", one.what, one.net, other.what, other.net);
            let finding = Finding::at(one.place, message).also("the other one", other.place);
            ledger.error(finding.remedy("choose networks that have no address in common"));
        }
    }
    if let Some(services) = &network.services {
        for breach in network_rules::of_services(&services.value) {
            ledger.error(Finding::of(services, breach.message).remedy(breach.remedy));
        }
    }
    if let Some(domain) =
        network.dns_domain.as_ref().filter(|domain| !domain.value.split('.').all(is_dns_label))
    {
        let finding = Finding::of(domain, format!("`{}` is no domain", domain.value));
        ledger.error(finding.remedy("write it as cluster.local, in small letters"));
    }
    let mut single: Vec<Named> = vec![];
    if let Some(vip) = &network.vip {
        single.push(Named { what: "the virtual address", net: vip.value.into(), place: vip.place });
    }
    if let DraftMachines::Given(machines) = &draft.machines {
        let of_machine = |machine: &Located<DeclaredMachine>| {
            let addresses = address(&machine.value).into_iter().chain(machine.value.second_address);
            let named = |address: IpAddr| Named { what: MACHINE, net: address.into(), place: machine.place };
            addresses.map(named).collect::<Vec<_>>()
        };
        single.extend(machines.iter().flat_map(of_machine));
    }
    let firsts: Vec<Named> = pods.iter().take(1).chain(services.iter().take(1)).copied().collect();
    one_family(ledger, single.iter().find(|one| one.what == MACHINE), &firsts, network.vip.as_ref());
    let ranges: Vec<Named> = pods.into_iter().chain(services).collect();
    for one in &single {
        for range in ranges.iter().filter(|range| range.net.contains(&one.net)) {
            let message = format!("{} {} lies in {} {}", one.what, one.net.addr(), range.what, range.net);
            let finding = Finding::at(one.place, message).also("that network", range.place);
            ledger.error(finding.remedy("choose another network, in which no machine is"));
        }
    }
    if let Some(vip) = &network.vip {
        vip_alone(ledger, vip, &single);
    }
    second_addresses(ledger, draft);
}

/// Pods and Services have the same families, in the same order.
fn alike(ledger: &Ledger, pods: &Located<Subnets>, services: &Located<Subnets>) {
    let finding = |breach: Breach| {
        let finding = Finding::of(services, breach.message).also("the other one", pods.place);
        finding.remedy(breach.remedy)
    };
    if let Some(breach) = network_rules::of_both(&pods.value, &services.value) {
        ledger.error(finding(breach));
    }
}

/// A machine's second address is for clusters of both families.
fn second_addresses(ledger: &Ledger, draft: &Draft) {
    let DraftMachines::Given(machines) = &draft.machines else { return };
    let Some(pods) = draft.network.pods.as_ref().filter(|pods| pods.value.second().is_none()) else { return };
    let with_two = machines.iter().find_map(|one| Some((one, one.value.second_address?)));
    if let Some((machine, address)) = with_two {
        let message = format!(
            "the machine has a second address, {address}, and pods have {} alone",
            pods.value.family()
        );
        let finding = Finding::at(machine.place, message).also("the pods' network", pods.place);
        ledger.error(
            finding.remedy("leave it out, or give pods and Services a network of each address family"),
        );
    }
}

/// Networks and the virtual address are of the machines' family.
fn one_family(ledger: &Ledger, machine: Option<&Named>, ranges: &[Named], vip: Option<&Located<IpAddr>>) {
    let Some(machine) = machine else { return };
    let differs = |address: IpAddr| address.is_ipv4() != machine.net.addr().is_ipv4();
    let ranges =
        ranges.iter().map(|range| (range.what, range.net.to_string(), range.net.addr(), range.place));
    let vip = vip.map(|vip| ("the virtual address", vip.value.to_string(), vip.value, vip.place));
    for (what, written, _, place) in ranges.chain(vip).filter(|(_, _, address, _)| differs(*address)) {
        let message = format!("{what} {written} is of another address family than the machines");
        let finding = Finding::at(place, message).also("a machine", machine.place);
        ledger.error(finding.remedy("choose it of the family of the machines' addresses"));
    }
}

fn vip_alone(ledger: &Ledger, vip: &Located<IpAddr>, single: &[Named]) {
    if vip.value.is_loopback() || vip.value.is_multicast() || vip.value.is_unspecified() {
        let finding = Finding::of(vip, format!("{} cannot be a virtual address", vip.value));
        ledger.error(finding.remedy("choose an address that no machine has and nothing routes to"));
    }
    if let Some(machine) = single.iter().find(|one| one.place != vip.place && one.net.addr() == vip.value) {
        let finding = Finding::of(vip, format!("the virtual address {} is that of a machine", vip.value));
        ledger.error(
            finding.also("the machine", machine.place).remedy("choose an address that no machine has"),
        );
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

fn is_dns_label(name: &str) -> bool {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 63
        && end(name.chars().next())
        && end(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
