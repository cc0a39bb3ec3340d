//! Whose machine it is: the marker, and who may do what because of it.

use std::path::Path;

use super::fence;
use super::paths::{self, Grounds};
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::{Digest, Entrance, Intent, Marker};

/// Reads the marker; none is a machine that is nobody's.
pub(super) fn read() -> Result<Option<Marker>> {
    read_at(Path::new(paths::MARKER))
}

/// Reads the marker at `path`.
pub(super) fn read_at(path: &Path) -> Result<Option<Marker>> {
    let Some(bytes) = fsx::read_if_exists(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .problem_with(Class::Machine, || format!("{} cannot be read", path.display()))
}

/// Writes the marker, on the disk when this returns. The gate must be held.
pub(super) fn write(marker: &Marker) -> Result<()> {
    fsx::make_directory(Path::new(paths::HOME))?;
    write_at(Path::new(paths::MARKER), marker)
}

/// Writes the marker to `path`, as [`write`] does.
pub(super) fn write_at(path: &Path, marker: &Marker) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(marker).problem(Class::Internal, "cannot write the marker")?;
    fsx::write_atomically(path, &bytes, 0o600)
}

/// Returns the marker if the machine belongs to `cluster`.
///
/// # Errors
/// Class `Refused` if it is somebody else's or nobody's.
pub(super) fn require(cluster: &str) -> Result<Marker> {
    match read()? {
        Some(marker) if marker.cluster == cluster => Ok(marker),
        Some(marker) => {
            Err(refused(&format!("it belongs to the cluster `{}`, not to `{cluster}`", marker.cluster)))
        }
        None => Err(refused(&format!("it does not belong to the cluster `{cluster}`"))),
    }
}

/// Records the cluster's identity once it is known.
pub(super) fn record_authority(cluster: &str, authority: &Digest) -> Result<()> {
    let _gate = fence::close(&Grounds::here())?;
    let mut marker = require(cluster)?;
    if marker.authority.as_ref() == Some(authority) {
        return Ok(());
    }
    marker.authority = Some(authority.clone());
    write(&marker)
}

/// Records how the machine comes into the cluster, before it does.
pub(super) fn record_entrance(cluster: &str, entrance: Entrance) -> Result<()> {
    let _gate = fence::close(&Grounds::here())?;
    write(&Marker { entrance: Some(entrance), ..require(cluster)? })
}

/// Records that the machine is on its way out, before anything is taken away.
pub(super) fn record_leaving(cluster: &str) -> Result<Marker> {
    let _gate = fence::close(&Grounds::here())?;
    let mut marker = require(cluster)?;
    marker.intent = Intent::Leaving;
    write(&marker)?;
    Ok(marker)
}

fn refused(message: &str) -> Problem {
    Problem::new(Class::Refused, message)
        .remedy("sealift changes only machines of the cluster it was asked about")
}
