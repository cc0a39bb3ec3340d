//! All facts of a machine, in one look that changes nothing.

mod certificates;
mod disk;
mod entrance;
mod features;
pub(super) mod network;
mod node_addresses;
mod ports;
pub(super) mod runtimes;
mod system;
pub(super) mod traces;

use std::collections::BTreeSet;
use std::path::Path;

use super::{api, authority, membership, ownership, paths, receipts, transient, units, work};
use crate::distribute::store::LayerStore;
use crate::error::{Class, Problem, Result};
use crate::model::{Arch, Digest, Holdings, MachineFacts, Marker, Role};
use crate::wire::{Look, Measure};

pub(super) use system::machine_id;

/// The units that make a machine a member.
const UNITS: [&str; 5] = [
    "containerd.service",
    "image-cri-shim.service",
    "kubelet.service",
    "registry.service",
    super::care::UNIT,
];

/// Looks at everything. Blocks for as long as the slowest part, an fsync where it is asked for.
pub(super) fn look(order: &Look) -> Result<MachineFacts> {
    let marker = ownership::read()?.map(entrance::seen);
    let claimed = marker.is_some();
    // What nobody claimed is told as it is: with a configuration of kubelet's it is in some cluster.
    let role = marker.as_ref().map_or(Role::ControlPlane, |marker| marker.role);
    let foreign_runtimes = if claimed { vec![] } else { traces::foreign_runtimes() };
    let kubernetes_traces = if claimed { vec![] } else { traces::of_kubernetes() };
    Ok(MachineFacts {
        hostname: system::hostname(),
        machine_id: system::machine_id()?,
        product_uuid: system::product_uuid(),
        arch: Arch::THIS,
        kernel: system::kernel(),
        system: system::name(),
        control_groups: system::control_groups(),
        container: system::is_container(),
        systemd: Path::new("/run/systemd/system").is_dir(),
        missing_features: features::missing(),
        may_lower_oom_score: features::may_lower_oom_score(),
        may_set_conntrack: features::may_set_conntrack(),
        has_local_time: Path::new("/etc/localtime").is_file(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: system::memory("MemTotal"),
        swap: system::memory("SwapTotal").saturating_sub(system::memory("SwapFree")),
        room: disk::room(Path::new("/var/lib"))?,
        fsync_milliseconds: (order.measure == Measure::Fsync && !claimed)
            .then(|| disk::slowest_fsync(Path::new("/var/lib")))
            .flatten(),
        clock: jiff::Timestamp::now().as_millisecond(),
        interfaces: network::interfaces()?,
        nameservers: system::nameservers(),
        taken_ports: ports::taken(&order.ports),
        foreign_runtimes,
        kubernetes_traces,
        authority: authority(marker.as_ref())?,
        holdings: holdings()?,
        marker,
        units: units::states(&UNITS),
        joined: membership::was_let_in(role),
        node_addresses: node_addresses::of_kubelet(),
        cri_answers: std::os::unix::net::UnixStream::connect(&order.cri_socket).is_ok(),
        api_ready: api::is_ready(),
        certificates: if claimed { certificates::all() } else { vec![] },
    })
}

/// The identity of the cluster here. Nobody promised that a stranger's file is a certificate: it is evidence all the same.
fn authority(marker: Option<&Marker>) -> Result<Option<Digest>> {
    let found = authority::of_this_machine();
    if marker.is_none() { Ok(found.unwrap_or_default()) } else { found }
}

/// What the machine has of a cluster.
fn holdings() -> Result<Holdings> {
    // Opening the store makes its directory, and looking leaves nothing behind.
    let layers = if Path::new(paths::LAYERS).is_dir() {
        LayerStore::open(Path::new(paths::LAYERS))?.list()?.into_iter().collect()
    } else {
        BTreeSet::new()
    };
    Ok(Holdings {
        layers,
        receipts: receipts::all(),
        under_way: transient::under_way()
            .map(|(name, identity)| format!("`{name}` of run {}, since {}", identity.run, identity.since)),
        put_aside: work::put_aside(),
    })
}

/// Wraps what a file of /proc or /sys cannot tell.
fn unreadable(what: &str, error: impl std::fmt::Display) -> Problem {
    Problem::new(Class::Machine, format!("cannot tell {what}")).saw(error)
}
