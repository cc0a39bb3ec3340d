//! Whom a machine obeys: the newest epoch it has seen, on disk before anything is changed under it.
//!
//! It is in the marker; on a machine that is nobody's yet, in memory under /run, as the machine's lock is.

use super::ownership;
use super::paths::{self, Grounds};
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::Marker;

/// Held while the marker changes or work begins, so that nothing of an older epoch slips in meanwhile.
pub(super) struct Gate(#[expect(dead_code, reason = "it is held, not looked at")] Option<fsx::Lock>);

/// Lets a change under `epoch` in, and takes note of the epoch. What must not be overtaken is done with the gate held.
///
/// # Errors
/// Class `Busy` when a newer epoch was seen: somebody else has the cluster's lock now.
pub(super) fn admit(grounds: &Grounds, epoch: u64) -> Result<Gate> {
    let gate = close(grounds)?;
    let newest = newest(grounds)?;
    if epoch < newest {
        return Err(overtaken(epoch, newest));
    }
    if epoch > newest {
        record(grounds, epoch)?;
    }
    Ok(gate)
}

/// Waits until nobody else changes the marker or begins work.
pub(super) fn close(grounds: &Grounds) -> Result<Gate> {
    loop {
        // Nothing is made on a machine that is nobody's: there is nothing on it that could change.
        if !grounds.marker.exists() && !grounds.run.exists() {
            return Ok(Gate(None));
        }
        if let Some(lock) = under_run(grounds, || fsx::lock(&grounds.gate()))? {
            return Ok(Gate(Some(lock)));
        }
    }
}

/// Takes something under /run, whose directory is made. Returns `None` when the machine was left meanwhile.
pub(super) fn under_run<T>(grounds: &Grounds, take: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    paths::make_private(&grounds.run)?;
    match take() {
        Err(_) if !grounds.run.exists() => Ok(None),
        taken => taken.map(Some),
    }
}

/// Takes away what is under /run of a machine that is nobody's, unless more is there than who was at work.
pub(super) fn forget(grounds: &Grounds) -> Result<()> {
    let _gate = close(grounds)?;
    if grounds.marker.exists() {
        return Ok(());
    }
    take_away(grounds)
}

/// Takes away who was at work, and the directory unless more is there. The gate must be held.
pub(super) fn take_away(grounds: &Grounds) -> Result<()> {
    // The gate is the last of them: whoever waits for it begins anew.
    let files = [grounds.operator_note(), grounds.operator_lock(), grounds.epoch(), grounds.gate()];
    for file in files {
        fsx::remove_if_exists(&file)?;
    }
    fsx::remove_if_empty(&grounds.run)
}

/// Returns the newest epoch that was seen.
pub(super) fn newest(grounds: &Grounds) -> Result<u64> {
    let of_marker = ownership::read_at(&grounds.marker)?.map_or(0, |marker| marker.epoch);
    let path = grounds.epoch();
    let in_memory = match fsx::read_if_exists(&path)? {
        None => 0,
        Some(text) => String::from_utf8_lossy(&text)
            .parse()
            .problem_with(Class::Machine, || format!("{} cannot be read", path.display()))?,
    };
    Ok(of_marker.max(in_memory))
}

/// Takes note of an epoch. The gate must be held.
fn record(grounds: &Grounds, epoch: u64) -> Result<()> {
    if let Some(marker) = ownership::read_at(&grounds.marker)? {
        return ownership::write_at(&grounds.marker, &Marker { epoch, ..marker });
    }
    if !grounds.run.exists() {
        // Only a claim can come of it, and that writes the epoch into the marker.
        return Ok(());
    }
    fsx::write_atomically(&grounds.epoch(), epoch.to_string(), 0o600)
}

fn overtaken(epoch: u64, newest: u64) -> Problem {
    Problem::new(
        Class::Busy,
        "a newer run has taken over the cluster, so this one changes nothing here any more",
    )
    .saw(format!("its lock is of epoch {epoch}, the machine has seen {newest}"))
    .remedy("what this run began on machines ends there by itself; look what the newer run does first")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Baseline, Intent, MachineName, Role};

    /// A machine in a directory.
    fn grounds(directory: &tempfile::TempDir) -> Grounds {
        Grounds { marker: directory.path().join("machine.json"), run: directory.path().join("run") }
    }

    fn claim(grounds: &Grounds, epoch: u64) {
        let marker = Marker {
            cluster: "blue".to_owned(),
            launch: "l".to_owned(),
            authority: None,
            machine_id: "m".to_owned(),
            node_name: "n".to_owned(),
            role: Role::Worker,
            intent: Intent::Member,
            entrance: None,
            name: MachineName("n".to_owned()),
            epoch,
            before: Baseline::default(),
        };
        ownership::write_at(&grounds.marker, &marker).unwrap();
    }

    #[test]
    fn an_older_epoch_is_refused_once_a_newer_one_was_seen() {
        let directory = tempfile::tempdir().unwrap();
        let grounds = grounds(&directory);
        claim(&grounds, 3);
        admit(&grounds, 3).unwrap();
        admit(&grounds, 5).unwrap();
        let refusal = admit(&grounds, 4).map(drop).unwrap_err();
        assert_eq!((refusal.class, refusal.seen.len()), (Class::Busy, 1));
        let marker = ownership::read_at(&grounds.marker).unwrap().unwrap();
        assert_eq!((marker.epoch, marker.cluster.as_str()), (5, "blue"), "it is on disk");
        admit(&grounds, 5).unwrap();
    }

    #[test]
    fn a_machine_that_is_nobodys_keeps_it_in_memory_and_only_when_somebody_is_at_work() {
        let directory = tempfile::tempdir().unwrap();
        let grounds = grounds(&directory);
        admit(&grounds, 2).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "looking leaves nothing behind");
        paths::make_private(&grounds.run).unwrap();
        admit(&grounds, 2).unwrap();
        assert!(admit(&grounds, 1).is_err());
        claim(&grounds, 0);
        assert_eq!(newest(&grounds).unwrap(), 2);
    }

    #[test]
    fn a_gate_that_is_held_keeps_others_out() {
        let directory = tempfile::tempdir().unwrap();
        let grounds = grounds(&directory);
        claim(&grounds, 1);
        let gate = admit(&grounds, 1).unwrap();
        assert!(fsx::try_lock(&grounds.gate()).unwrap().is_none());
        drop(gate);
        assert!(fsx::try_lock(&grounds.gate()).unwrap().is_some());
    }
}
