//! What kubeadm is told: the cluster and its machines in `kubeadm`'s words, and whether it can be told.

use super::desired::Desired;
use super::families;
use crate::error::{Class, Problem, Result};
use crate::kubeadm::{self, ClusterSettings, ImageSource, JoinTicket, NodeSettings, ProxyMode, Rendering};
use crate::model::{ControlGroups, Entrance, MachineFacts, MachineSpec, Observed, Role, rootfs};

/// Returns what kubeadm is told of the cluster on a machine.
pub fn settings<'a>(
    desired: &'a Desired,
    observed: &Observed,
    machine: &MachineSpec,
) -> Result<ClusterSettings<'a>> {
    let version = desired.version()?;
    let cluster = &desired.cluster;
    let facts: Vec<&MachineFacts> =
        cluster.machines.iter().filter_map(|machine| observed.facts(&machine.name)).collect();
    let control_planes = desired.control_planes().filter_map(|machine| observed.facts(&machine.name));
    Ok(ClusterSettings {
        name: &cluster.name,
        version,
        network: &cluster.network,
        sans: cluster.certificate_names.clone(),
        proxy: ProxyMode::choose(version, facts.iter().map(|facts| facts.kernel.as_str())),
        may_set_conntrack: facts.iter().all(|facts| facts.may_set_conntrack),
        control_groups: facts_of(observed, machine)?.control_groups,
        any_control_groups_v1: facts.iter().any(|facts| facts.control_groups == ControlGroups::V1),
        containers: facts.iter().any(|facts| facts.container),
        has_local_time: control_planes.into_iter().all(|facts| facts.has_local_time),
        single: cluster.machines.len() == 1,
        registry: desired.variable("registryDomain"),
        image_file: desired.kubeadm_file.as_deref(),
        documents: &cluster.documents,
    })
}

/// Returns what kubeadm is told of one node. Its name is the machine's host name in lower case, as kubeadm would take it.
pub fn node(desired: &Desired, observed: &Observed, machine: &MachineSpec) -> Result<NodeSettings> {
    Ok(NodeSettings {
        name: facts_of(observed, machine)?.hostname.to_lowercase(),
        address: machine.address,
        second_address: families::second_address(&desired.cluster.network, observed, machine),
        cri_socket: desired.cri_socket().to_owned(),
        rootfs: rootfs(&desired.cluster.name).display().to_string(),
        images: if desired.image_socket().is_some() { ImageSource::Shim } else { ImageSource::Runtime },
    })
}

/// Tells how a machine came into its cluster. Where nobody wrote that down and nothing on the machine shows it, clusters are made on
/// the first of their control planes.
pub fn entrance(desired: &Desired, observed: &Observed, machine: &MachineSpec) -> Entrance {
    let marker = observed.facts(&machine.name).and_then(|facts| facts.marker.as_ref());
    let is_first = desired.control_planes().next().is_some_and(|first| first.name == machine.name);
    let likely = if is_first { Entrance::Made } else { Entrance::Joined };
    marker.and_then(|marker| marker.entrance).unwrap_or(likely)
}

/// Returns a machine's kubeadm.yml: that of the first control plane, which makes the cluster, or one that joins, with words
/// in place of what is only known then.
pub fn kubeadm_file(
    desired: &Desired,
    observed: &Observed,
    machine: &MachineSpec,
) -> Result<Rendering, crate::error::Problems> {
    let settings = settings(desired, observed, machine)?;
    let node = node(desired, observed, machine)?;
    let first = desired.control_planes().next();
    // A cluster that is there is joined, by its first control plane, too.
    if first.is_some_and(|first| first.name == machine.name) && observed.api().is_none() {
        return kubeadm::init(&settings, &node);
    }
    let ticket = JoinTicket {
        endpoint: std::net::SocketAddr::new(
            match (machine.role, first) {
                (Role::ControlPlane, Some(first)) => first.address,
                _ => desired.cluster.network.vip,
            },
            kubeadm::API_PORT,
        ),
        token: TOKEN.to_owned(),
        authority: AUTHORITY.to_owned(),
        certificate_key: (machine.role == Role::ControlPlane).then(|| CERTIFICATE_KEY.to_owned()),
    };
    kubeadm::join(&settings, &node, &ticket)
}

/// Stands for the token that a machine joins with.
const TOKEN: &str = "TOKEN-OF-THE-RUN";
/// Stands for the digest of the cluster's CA.
const AUTHORITY: &str = "DIGEST-OF-THE-CA";
/// Stands for the key by which certificates are handed on.
const CERTIFICATE_KEY: &str = "KEY-OF-THE-RUN";

/// Finds what kubeadm could not be told: of the first control plane, and of the first machine that joins in each role, where they
/// are not in yet. What is wrong is in the image's file or the operator's documents, so it is the same for all others.
pub(super) fn check(desired: &Desired, observed: &Observed) -> Vec<Problem> {
    let mut found: Vec<Problem> = vec![];
    let joining = desired.control_planes().skip(1).take(1).chain(desired.workers().take(1));
    for machine in desired.control_planes().take(1).chain(joining) {
        // Of a machine that is in, nobody would ask it any more.
        if observed.facts(&machine.name).is_none_or(|facts| facts.joined) {
            continue;
        }
        if let Err(problems) = kubeadm_file(desired, observed, machine) {
            let new = problems
                .list()
                .iter()
                .filter(|problem| !found.contains(problem))
                .cloned()
                .collect::<Vec<_>>();
            found.extend(new);
        }
    }
    found
}

fn facts_of<'a>(observed: &'a Observed, machine: &MachineSpec) -> Result<&'a MachineFacts> {
    observed.facts(&machine.name).ok_or_else(|| {
        Problem::new(Class::Connection, "the machine did not answer when it was looked at").on(&machine.name)
    })
}
