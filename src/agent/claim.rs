//! Taking possession: the agent installed, how the machine was recorded, the marker written. Then work may begin.

use std::io;
use std::path::{Path, PathBuf};

use super::look::{network, traces};
use super::paths::{self, Grounds};
use super::{authority, fence, ownership};
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::{Baseline, Digest, DigestWriter, Intent, Marker};
use crate::wire::Claim;

/// Makes the machine a part of the cluster, or finds that it is already.
///
/// # Errors
/// Class `Refused` if it is somebody else's. Looked at again here, since the operator's look is a while ago.
pub(super) fn claim(order: &Claim, epoch: u64) -> Result<()> {
    let grounds = Grounds::here();
    paths::make_private(&grounds.run)?;
    let _gate = fence::admit(&grounds, epoch)?;
    let machine_id = super::look::machine_id()?;
    let marker = if let Some(marker) = ownership::read()? {
        again(marker, order)?
    } else {
        refuse_foreign()?;
        Marker {
            cluster: order.cluster.clone(),
            launch: order.launch.clone(),
            authority: order.authority.clone(),
            machine_id,
            node_name: order.node_name.clone(),
            role: order.role,
            intent: Intent::Member,
            entrance: None,
            name: order.name.clone(),
            epoch,
            before: baseline()?,
        }
    };
    ownership::write(&marker)?;
    install()
}

/// Takes a machine back that we have claimed before; how it was before that stays as it was recorded.
fn again(marker: Marker, order: &Claim) -> Result<Marker> {
    if marker.cluster != order.cluster {
        return Err(Problem::new(Class::Refused, format!("it belongs to the cluster `{}`", marker.cluster)));
    }
    if marker.authority.is_none() && marker.launch != order.launch {
        return Err(Problem::new(Class::Refused, "another launch has claimed it since it was looked at"));
    }
    Ok(Marker { intent: Intent::Member, role: order.role, ..marker })
}

fn refuse_foreign() -> Result<()> {
    let traces = traces::of_kubernetes();
    if traces.is_empty() && authority::of_this_machine()?.is_none() {
        return Ok(());
    }
    Err(Problem::new(Class::Refused, "it has traces of a Kubernetes that sealift did not make")
        .saw(traces.join(", ")))
}

fn baseline() -> Result<Baseline> {
    Ok(Baseline {
        interfaces: network::interfaces()?.into_iter().map(|interface| interface.name).collect(),
        nft_tables: super::leftovers::nft_tables(),
        paths: traces::paths_there(),
        looked_for: traces::paths_of_a_cluster().map(str::to_owned).collect(),
    })
}

/// Copies the running binary to where it stays, by its digest, so that units can be started from it.
fn install() -> Result<()> {
    let digest = own_digest()?;
    let target = paths::agent(&digest);
    if target.exists() {
        return Ok(());
    }
    let directory = target.parent().unwrap_or(Path::new(paths::AGENTS));
    fsx::make_directory(directory)?;
    let failed = || format!("cannot install the agent in {}", directory.display());
    let mut staged = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempfile_in(directory)
        .problem_with(Class::Machine, failed)?;
    let mut running = std::fs::File::open("/proc/self/exe").problem_with(Class::Machine, failed)?;
    io::copy(&mut running, staged.as_file_mut()).problem_with(Class::Machine, failed)?;
    staged.as_file().sync_all().problem_with(Class::Machine, failed)?;
    staged.persist(&target).map_err(|error| error.error).problem_with(Class::Machine, failed)?;
    fsx::sync_directory(directory)
}

fn own_digest() -> Result<Digest> {
    let failed = "cannot read the agent's own binary";
    let mut running = std::fs::File::open("/proc/self/exe").problem(Class::Machine, failed)?;
    let mut writer = DigestWriter::new(io::sink());
    io::copy(&mut running, &mut writer).problem(Class::Machine, failed)?;
    Ok(writer.finish().1)
}

/// Returns the path to start units from. A newer agent than the one that claimed the machine is installed beside it.
pub(super) fn program() -> Result<PathBuf> {
    install()?;
    Ok(paths::agent(&own_digest()?))
}
