//! What only the whole shows: hosts that stand twice, control planes, networks that overlap.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::draft::{Draft, DraftMachines};
use super::ledger::{Finding, Ledger};
use super::place::{Located, Place};
use crate::model::{DeclaredMachine, DeclaredMachines, Role};

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
}

fn images(ledger: &Ledger, draft: &Draft) {
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
                    .remedy("give at least one machine that role"),
            );
        }
    } else if count.is_multiple_of(2) {
        let finding =
            Finding::at(place, format!("{count} control planes bear the loss of no more than {}", count - 1));
        ledger
            .warn(finding.remedy("take an odd number: of one more, one more may fail; of one less, as many"));
    }
}

/// A machine may stand in the file once, whatever its port.
fn hosts_once(ledger: &Ledger, machines: &[Located<DeclaredMachine>]) {
    let mut seen: HashMap<String, &Located<DeclaredMachine>> = HashMap::new();
    for machine in machines {
        let own = std::iter::once(machine.value.ssh.to_string())
            .chain(machine.value.address.map(|a| a.to_string()));
        for name in own.collect::<std::collections::BTreeSet<_>>() {
            let Some(first) =
                seen.insert(name.clone(), machine).filter(|first| !std::ptr::eq(*first, machine))
            else {
                continue;
            };
            let message = if first.value.role == machine.value.role {
                format!("the host {name} stands here twice")
            } else {
                format!(
                    "the host {name} is a {} here and a {} elsewhere",
                    machine.value.role, first.value.role
                )
            };
            let finding = Finding::at(machine.place, message).also("the other time", first.place);
            ledger.error(finding.remedy("let each machine stand in one group, once"));
        }
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
struct Named {
    what: String,
    net: IpNet,
    place: Place,
}

fn networks(ledger: &Ledger, draft: &Draft) {
    let network = &draft.network;
    let ranges: Vec<Named> =
        [("the pods' network", &network.pods), ("the Services' network", &network.services)]
            .into_iter()
            .filter_map(|(what, net)| {
                net.as_ref().map(|net| Named { what: what.to_owned(), net: net.value, place: net.place })
            })
            .collect();
    if let [pods, services] = ranges.as_slice()
        && overlap(&pods.net, &services.net)
    {
        let finding = Finding::at(
            services.place,
            format!("{} {} overlaps {} {}", services.what, services.net, pods.what, pods.net),
        );
        ledger.error(
            finding
                .also("the other one", pods.place)
                .remedy("choose networks that have no address in common"),
        );
    }
    let mut single: Vec<Named> = vec![];
    if let Some(vip) = &network.vip {
        single.push(Named {
            what: "the virtual address".to_owned(),
            net: vip.value.into(),
            place: vip.place,
        });
    }
    if let DraftMachines::Given(machines) = &draft.machines {
        for machine in machines {
            if let Some(address) = address(&machine.value) {
                single.push(Named {
                    what: "the machine".to_owned(),
                    net: address.into(),
                    place: machine.place,
                });
            }
        }
    }
    for one in &single {
        for range in ranges.iter().filter(|range| range.net.contains(&one.net)) {
            let finding = Finding::at(
                one.place,
                format!("{} {} lies in {} {}", one.what, one.net.addr(), range.what, range.net),
            );
            ledger.error(
                finding
                    .also("that network", range.place)
                    .remedy("choose another network, in which no machine is"),
            );
        }
    }
    if let Some(vip) = &network.vip {
        vip_alone(ledger, vip, &single);
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
