//! Whether the machines are fit and ours to take: everything that is wrong, before anything is touched.

use std::collections::BTreeMap;

use bytesize::ByteSize;

use super::desired::Desired;
use super::layers::{self, Duty};
use super::{families, kubeadm_file, networks};
use crate::error::{Class, Problem};
use crate::model::{Digest, LayerContent, MachineFacts, MachineSpec, Observed, Role};

/// Ports that a control plane listens on: API server, etcd, kubelet, controller manager, scheduler, registry.
pub const PORTS_OF_CONTROL_PLANE: [u16; 7] = [6443, 2379, 2380, 10250, 10257, 10259, 5443];
/// Ports that every worker listens on: kubelet.
pub const PORTS_OF_WORKER: [u16; 1] = [10250];

/// kubeadm's own least memory of a control plane, which it calls 1700 MB.
const LEAST_MEMORY: u64 = 1_700_000_000;
/// A worker's kubelet, runtime and network live in less.
const LEAST_MEMORY_OF_WORKER: u64 = 900_000_000;
/// kubeadm refuses a control plane with one processor.
const LEAST_PROCESSORS: usize = 2;
/// What images, logs and etcd come to need beside the layers; on a machine that is in they have it already, and what little
/// is left there must not stand in the way of whatever heals or shrinks the cluster.
const HEADROOM: u64 = 2 * 1024 * 1024 * 1024;
/// Inodes beside the layers' files.
const INODE_HEADROOM: u64 = 20_000;
/// Certificates are valid from the moment they are made; etcd complains from one second on.
const LARGEST_CLOCK_DIFFERENCE: i64 = 5_000;
/// A pod network takes 50 bytes off; below this its packets are below IPv6's least.
const LEAST_MTU: u32 = 1330;
/// etcd's heartbeat is 100 ms; a disk that takes this long for an fsync loses leaders
/// (https://etcd.io/docs/v3.6/faq/, "What does the etcd warning ... mean").
const SLOW_FSYNC: u64 = 50;

/// What the preflight found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preflight {
    /// What stops the run.
    pub problems: Vec<Problem>,
    /// What the operator should know.
    pub warnings: Vec<Problem>,
}

/// Returns the ports that machines of a role listen on.
pub fn ports(role: Role) -> &'static [u16] {
    match role {
        Role::ControlPlane => &PORTS_OF_CONTROL_PLANE,
        Role::Worker => &PORTS_OF_WORKER,
    }
}

/// Checks every machine. `now` is the operator's clock in milliseconds since 1970 when the facts came, and
/// `authority` the cluster's CA as far as the operator knows one.
pub fn preflight(
    desired: &Desired,
    observed: &Observed,
    now: &BTreeMap<String, i64>,
    authority: Option<&Digest>,
) -> Preflight {
    let mut found = Preflight::default();
    for machine in &desired.cluster.machines {
        let Some(facts) = observed.facts(&machine.name) else { continue };
        let mut here = Vec::new();
        let ours = ownership(desired, facts, authority, &mut here);
        if here.is_empty() {
            architecture(desired, facts, &mut here);
            fitness(machine, facts, &mut here);
            if ours == Ours::NotYet {
                emptiness(facts, &mut here);
            }
            room(desired, machine, facts, &mut here);
        }
        found.problems.extend(here.into_iter().map(|problem| problem.on(&machine.name)));
        let warnings = doubts(machine, facts, now.get(&machine.name.0).copied());
        for doubt in warnings {
            let doubt = doubt.on(&machine.name);
            // A clock that is off breaks certificates and leases, so it is no mere doubt.
            if doubt.step.as_deref() == Some("clock") {
                found.problems.push(doubt);
            } else {
                found.warnings.push(doubt);
            }
        }
    }
    found.problems.extend(networks::check(&desired.cluster, observed));
    found.warnings.extend(families::doubts(&desired.cluster, observed));
    found.problems.extend(kubeadm_file::check(desired, observed));
    twins(desired, observed, &mut found);
    found
}

#[derive(PartialEq, Eq)]
enum Ours {
    Yes,
    NotYet,
}

/// Whose machine it is. Evidence of anybody else's Kubernetes is a refusal.
fn ownership(
    desired: &Desired,
    facts: &MachineFacts,
    authority: Option<&Digest>,
    problems: &mut Vec<Problem>,
) -> Ours {
    let refused = |message: String| {
        Problem::new(Class::Refused, message).during("ownership").remedy(
            "take it out of that cluster with the tool that made it, or leave the machine out; sealift never touches it",
        )
    };
    let Some(marker) = &facts.marker else {
        if let Some(authority) = &facts.authority {
            problems.push(refused(format!(
                "it is a member of another Kubernetes cluster (CA {})",
                authority.short()
            )));
        } else if !facts.kubernetes_traces.is_empty() {
            problems.push(
                refused("it has traces of a Kubernetes that sealift did not make".to_owned())
                    .saw(facts.kubernetes_traces.join(", ")),
            );
        }
        return Ours::NotYet;
    };
    if marker.cluster != desired.cluster.name {
        problems.push(
            refused(format!("it belongs to the cluster `{}`", marker.cluster))
                .remedy(format!("or remove that cluster first: sealift delete --name {}", marker.cluster)),
        );
        return Ours::Yes;
    }
    match (&marker.authority, authority) {
        (Some(theirs), Some(ours)) if theirs != ours => problems.push(refused(format!(
            "it belongs to another cluster of the same name (CA {}, not {})",
            theirs.short(),
            ours.short()
        ))),
        (None, _) if marker.launch != desired.launch => problems.push(
            refused(format!("another launch of a cluster `{}` has claimed it", marker.cluster))
                .remedy(format!("if that launch was given up: sealift reset --name {}", marker.cluster)),
        ),
        _ => {}
    }
    if marker.machine_id != facts.machine_id {
        problems.push(refused("it carries the mark of another machine: it is a copy of one".to_owned()));
    }
    Ours::Yes
}

/// The images' programs must run there.
fn architecture(desired: &Desired, facts: &MachineFacts, problems: &mut Vec<Problem>) {
    for image in desired.base_images().filter(|image| image.arch != facts.arch) {
        problems.push(
            Problem::new(
                Class::Machine,
                format!("it is {} and {} is for {}", facts.arch, image.name, image.arch),
            )
            .during("architecture")
            .remedy(format!(
                "use an image for {}: sealift build --platform linux/{}",
                facts.arch, facts.arch
            )),
        );
    }
}

/// What every machine must have.
fn fitness(machine: &MachineSpec, facts: &MachineFacts, problems: &mut Vec<Problem>) {
    let mut unfit = |check: &str, message: String, remedy: &str| {
        problems.push(Problem::new(Class::Machine, message).during(check).remedy(remedy));
    };
    if !facts.systemd {
        unfit("init", "its init is not systemd".to_owned(), "use a distribution that runs systemd");
    }
    if !facts.missing_features.is_empty() {
        let message = format!("its kernel {} lacks {}", facts.kernel, facts.missing_features.join(", "));
        unfit("kernel", message, "install the distribution's full kernel, with its modules");
    }
    let least = if machine.role == Role::ControlPlane { LEAST_MEMORY } else { LEAST_MEMORY_OF_WORKER };
    if facts.memory < least {
        let message = format!("it has {} of memory and needs {}", ByteSize(facts.memory), ByteSize(least));
        unfit("memory", message, "give it more memory");
    }
    if machine.role == Role::ControlPlane && facts.processors < LEAST_PROCESSORS {
        let message = format!("it has {} processor and a control plane needs 2", facts.processors);
        unfit("processors", message, "give it another processor");
    }
    if facts.nameservers.is_empty() {
        let message = "its /etc/resolv.conf names no server".to_owned();
        unfit("resolv.conf", message, "name one: pods inherit it and kubelet does not start without");
    }
    if let Some(interface) = facts
        .interfaces
        .iter()
        .find(|interface| interface.addresses.iter().any(|address| address.addr() == machine.address))
    {
        if interface.mtu < LEAST_MTU {
            let message = format!("{} has an MTU of {}", interface.name, interface.mtu);
            unfit("mtu", message, "set it to 1330 or more: a pod network takes 50 bytes of it");
        }
    } else if !facts.interfaces.is_empty() {
        let message = format!("none of its interfaces has the address {}", machine.address);
        unfit("address", message, "name the machine by the address that the other machines reach it at");
    }
}

/// What a machine that is not ours yet must not have.
fn emptiness(facts: &MachineFacts, problems: &mut Vec<Problem>) {
    if !facts.foreign_runtimes.is_empty() {
        problems.push(
            Problem::new(Class::Machine, "a container runtime is there already")
                .during("container runtime")
                .saw(facts.foreign_runtimes.join(", "))
                .remedy("remove it: the cluster image brings its own and the two would share sockets and directories"),
        );
    }
    for (port, owner) in &facts.taken_ports {
        problems.push(
            Problem::new(Class::Machine, format!("port {port} is taken"))
                .during("ports")
                .saw(owner)
                .remedy("stop what listens there"),
        );
    }
}

/// Whether what is sent will fit, unpacked and with the registry's use of it.
fn room(desired: &Desired, machine: &MachineSpec, facts: &MachineFacts, problems: &mut Vec<Problem>) {
    // Any control plane may be the one that runs the applications' commands.
    let duty = match machine.role {
        Role::ControlPlane => Duty::CommandingControlPlane,
        Role::Worker => Duty::Worker,
    };
    let missing: Vec<_> = layers::layers_for(&desired.images, duty)
        .into_iter()
        .filter(|layer| !facts.holdings.layers.contains(&layer.diff_id))
        .collect();
    if missing.is_empty() {
        return;
    }
    // Registry content is pulled out of the registry once more, into the runtime's own store.
    let bytes: u64 =
        missing
            .iter()
            .map(|layer| {
                if layer.content == LayerContent::Files {
                    layer.unpacked_size
                } else {
                    3 * layer.unpacked_size
                }
            })
            .sum();
    let (headroom, inode_headroom) = if facts.joined { (0, 0) } else { (HEADROOM, INODE_HEADROOM) };
    let needed = bytes + headroom;
    if facts.room.bytes < needed {
        problems.push(
            Problem::new(
                Class::Machine,
                format!(
                    "/var/lib has {} free and {} are needed",
                    ByteSize(facts.room.bytes),
                    ByteSize(needed)
                ),
            )
            .during("disk")
            .remedy("make room on that file system, or mount a larger one at /var/lib"),
        );
    }
    let files = missing.iter().map(|layer| layer.files).sum::<u64>() + inode_headroom;
    if let Some(inodes) = facts.room.inodes.filter(|inodes| *inodes < files) {
        problems.push(
            Problem::new(Class::Machine, format!("/var/lib has {inodes} inodes free and {files} are needed"))
                .during("inodes")
                .remedy("remove small files there, or make the file system with more inodes"),
        );
    }
}

/// What an operator should know but may accept; a clock that is off is told as step `clock`.
fn doubts(machine: &MachineSpec, facts: &MachineFacts, now: Option<i64>) -> Vec<Problem> {
    let mut doubts = Vec::new();
    let mut doubt = |check: &str, message: String, remedy: &str| {
        doubts.push(Problem::new(Class::Machine, message).during(check).remedy(remedy));
    };
    if let Some(difference) = now.map(|now| facts.clock - now).filter(|d| d.abs() > LARGEST_CLOCK_DIFFERENCE)
    {
        let way = if difference > 0 { "ahead of" } else { "behind" };
        let message = format!("its clock is {} s {way} this machine's", difference.abs() / 1000);
        doubt("clock", message, "set the clock, best with chrony or systemd-timesyncd on every machine");
    }
    if facts.swap > 0 && facts.marker.is_none() {
        let message = format!("{} of swap are on", ByteSize(facts.swap));
        doubt("swap", message, "the image's init turns swap off, and it is turned on again on removal");
    }
    if let Some(slow) =
        facts.fsync_milliseconds.filter(|took| machine.role == Role::ControlPlane && *took > SLOW_FSYNC)
    {
        let message = format!("an fsync below /var/lib took {slow} ms");
        doubt(
            "disk latency",
            message,
            "put /var/lib/etcd on a faster disk, or expect leader elections under load",
        );
    }
    if facts.nameservers.iter().all(std::net::IpAddr::is_loopback) && !facts.nameservers.is_empty() {
        let message = "its resolv.conf names only this machine itself, which pods cannot reach".to_owned();
        doubt(
            "resolv.conf",
            message,
            "with systemd-resolved kubelet uses /run/systemd/resolve/resolv.conf; otherwise name a real server",
        );
    }
    doubts
}

/// What no two machines may share.
fn twins(desired: &Desired, observed: &Observed, found: &mut Preflight) {
    let known: Vec<(&MachineSpec, &MachineFacts)> = desired
        .cluster
        .machines
        .iter()
        .filter_map(|machine| Some((machine, observed.facts(&machine.name)?)))
        .collect();
    let mut by_id: BTreeMap<&str, Vec<&MachineSpec>> = BTreeMap::new();
    let mut by_hostname: BTreeMap<String, Vec<&MachineSpec>> = BTreeMap::new();
    let mut by_uuid: BTreeMap<&str, Vec<&MachineSpec>> = BTreeMap::new();
    for (machine, facts) in &known {
        by_id.entry(&facts.machine_id).or_default().push(machine);
        by_hostname.entry(facts.hostname.to_lowercase()).or_default().push(machine);
        if let Some(uuid) = &facts.product_uuid {
            by_uuid.entry(uuid).or_default().push(machine);
        }
    }
    let names = |machines: &[&MachineSpec]| {
        machines.iter().map(|machine| machine.name.0.as_str()).collect::<Vec<_>>().join(" and ")
    };
    for (_, machines) in by_id.iter().filter(|(_, machines)| machines.len() > 1) {
        found.problems.push(
            Problem::new(Class::Config, format!("{} are the same machine, or copies of one", names(machines)))
                .during("machine-id")
                .saw("equal /etc/machine-id")
                .remedy("name each machine once; on a copy: rm /etc/machine-id && systemd-machine-id-setup, then reboot"),
        );
    }
    for (hostname, machines) in by_hostname.iter().filter(|(_, machines)| machines.len() > 1) {
        // The same machine twice was told above.
        if by_id.values().any(|same| machines.iter().all(|machine| same.contains(machine))) {
            continue;
        }
        found.problems.push(
            Problem::new(Class::Config, format!("{} have the same host name", names(machines)))
                .during("host name")
                .saw(hostname)
                .remedy("give each its own: hostnamectl set-hostname NAME"),
        );
    }
    for (uuid, machines) in by_uuid.iter().filter(|(_, machines)| machines.len() > 1) {
        found.warnings.push(
            Problem::new(Class::Machine, format!("{} have the same product_uuid", names(machines)))
                .during("product_uuid")
                .saw(uuid)
                .remedy("harmless for Kubernetes itself; some storage drivers tell machines apart by it"),
        );
    }
}
