//! systemd's units, asked and told through systemctl.

use std::collections::BTreeMap;

use super::command::{Command, Tell};
use crate::error::Result;
use crate::model::UnitState;

/// Returns the states of these units; one that does not exist is left out.
pub(super) fn states(units: &[&str]) -> BTreeMap<String, UnitState> {
    let arguments = ["show", "--property=Id,LoadState,ActiveState,UnitFileState"].iter().chain(units);
    let Ok(text) = Command::new("systemctl", arguments).output() else { return BTreeMap::new() };
    text.split("\n\n").filter_map(state).collect()
}

/// Reads one block of `systemctl show`.
fn state(block: &str) -> Option<(String, UnitState)> {
    let property = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    if property("LoadState")? == "not-found" {
        return None;
    }
    let state = UnitState {
        active: property("ActiveState")?.to_owned(),
        enabled: property("UnitFileState").is_some_and(|state| state.starts_with("enabled")),
    };
    Some((property("Id")?.to_owned(), state))
}

/// Tells whether a unit is active or about to be.
pub(super) fn is_active(unit: &str) -> bool {
    states(&[unit])
        .values()
        .any(|state| matches!(state.active.as_str(), "active" | "activating" | "deactivating"))
}

/// Reads changed unit files.
pub(super) fn reload() -> Result<()> {
    Command::new("systemctl", ["daemon-reload"]).output().map(drop)
}

/// Starts a unit anew and at every boot. Returns once it says that it is ready. Enabling reads changed unit files.
pub(super) fn enable_and_restart(unit: &str, tell: Tell<'_>) -> Result<()> {
    Command::new("systemctl", ["enable", unit]).output()?;
    Command::new("systemctl", ["restart", unit]).run(tell).map_err(|problem| with_journal(problem, unit))
}

/// Stops a unit now and at every boot; one that does not exist is stopped.
pub(super) fn disable_and_stop(unit: &str, tell: Tell<'_>) -> Result<()> {
    if states(&[unit]).is_empty() {
        return Ok(());
    }
    Command::new("systemctl", ["disable", "--now", unit]).run(tell)
}

/// Adds the last lines of the unit's journal as evidence.
pub(super) fn with_journal(problem: crate::error::Problem, unit: &str) -> crate::error::Problem {
    let journal =
        Command::new("journalctl", ["--unit", unit, "--no-pager", "--lines=8", "--output=cat"]).output();
    journal.unwrap_or_default().lines().fold(problem, |problem, line| problem.saw(format!("{unit}: {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn show_is_read_block_by_block() {
        let block = "Id=kubelet.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=enabled";
        let (name, unit) = state(block).unwrap();
        assert_eq!((name.as_str(), unit.is_active(), unit.enabled), ("kubelet.service", false, true));
        assert!(state("Id=x.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=").is_none());
    }
}
