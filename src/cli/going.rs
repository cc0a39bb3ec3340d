//! The flags of every command that changes a cluster: whether it asks, what it waits for, and what stops it.

use std::time::Duration;

use clap::Args;

use crate::cluster::Patience;
use crate::engine::{MaxUnavailable, OnFailure};
use crate::ops::Pace;

/// How a command goes about its work.
#[derive(Debug, Args)]
pub(super) struct GoingArgs {
    /// Do not ask; that machines leave has to be agreed to as well
    #[arg(long, short)]
    pub(super) yes: bool,

    /// How long to wait while somebody else is at work on the cluster: 90s, 10m, 1h
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = duration)]
    wait_for_lock: Duration,

    /// Stop at the first failure: no step begins after it, and none at all while a machine does not answer. Without this
    /// the machine is set aside, the rest goes on, and the command ends with 8
    #[arg(long)]
    fail_fast: bool,

    /// How many machines may be interrupted at once, where kubelet starts anew or pods are moved: 2, or 25%. A machine on which
    /// that failed counts until the command ends, and one that does not answer from the beginning [default: all]
    #[arg(long, value_name = "NUMBER")]
    max_unavailable: Option<MaxUnavailable>,
}

/// How long the pods of machines that leave have.
#[derive(Debug, Args)]
pub(super) struct DrainArgs {
    /// How long the pods of a machine that leaves have to go elsewhere: 90s, 10m, 1h. What is left then ends the command, or is
    /// deleted with --force
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = duration)]
    drain_timeout: Duration,
}

impl GoingArgs {
    /// Returns how the command goes about its work.
    pub(super) fn pace(&self, drain: Option<&DrainArgs>) -> Pace {
        Pace {
            patience: Patience(self.wait_for_lock),
            on_failure: if self.fail_fast { OnFailure::BeginNothing } else { OnFailure::GoOn },
            unavailable: self.max_unavailable,
            drain: drain.map_or_else(|| Pace::default().drain, |drain| drain.drain_timeout),
        }
    }
}

/// Reads a length of time.
fn duration(text: &str) -> Result<Duration, String> {
    let length: jiff::SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    length.try_into().map_err(|_| "it is negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("1h 30s"), Ok(Duration::from_secs(3630)));
        for wrong in ["", "10", "-5s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
