//! care on this machine: its configuration, its unit, and its removal.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::blocking::now;
use super::command::Tell;
use super::{paths, units};
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::ha::care::LEARNED_FILE;
use crate::ha::config::CareConfig;
use crate::ha::learned::{self, Generation, Learned};
use crate::ha::{unit, vip};

/// The unit's name.
pub(super) const UNIT: &str = "sealift-care.service";

/// Where the unit is.
const UNIT_FILE: &str = "/etc/systemd/system/sealift-care.service";

/// Writes the configuration with the next generation: what an operator says wins over what was learned before.
pub(super) fn configure(config: &serde_json::Value) -> Result<()> {
    let path = Path::new(paths::CARE_CONFIG);
    let before = CareConfig::load(path).map_or(0, |config| config.generation.0);
    let mut config = config.clone();
    config["generation"] = serde_json::json!(Generation(before + 1));
    let config: CareConfig = serde_json::from_value(config)
        .problem(Class::Internal, "the operator's words for care cannot be read")?;
    if let Some(directory) = path.parent() {
        fsx::make_directory(directory)?;
    }
    config.save(path)
}

/// Returns the API servers that care knows; a machine of no cluster knows none.
pub(super) fn control_planes() -> Result<Vec<SocketAddr>> {
    let path = Path::new(paths::CARE_CONFIG);
    if !path.exists() {
        return Ok(vec![]);
    }
    let learned = Learned::load(&path.with_file_name(LEARNED_FILE)).ok();
    Ok(learned::control_planes(&CareConfig::load(path)?, learned.as_ref()).api)
}

/// Starts care from the agent's own binary. Returns once its endpoints are open.
pub(super) fn start(tell: Tell<'_>) -> Result<()> {
    let program = std::env::current_exe().problem(Class::Machine, "cannot tell where the agent is")?;
    fsx::write_atomically(Path::new(UNIT_FILE), unit::text(&program, Path::new(paths::CARE_CONFIG)), 0o644)?;
    units::enable_and_restart(UNIT, tell)
}

/// Stops care and takes away its unit and the virtual address.
pub(super) fn remove(address: IpAddr, tell: Tell<'_>) -> Result<()> {
    units::disable_and_stop(UNIT, tell)?;
    if fsx::remove_if_exists(Path::new(UNIT_FILE))? {
        units::reload()?;
    }
    now(async || vip::remove(Some(address)).await).map(drop)
}
