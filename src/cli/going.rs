//! The flags of every command that changes a cluster: whether it asks, and whether it waits for others.

use std::time::Duration;

use clap::Args;

use crate::cluster::Patience;

/// How a command goes about its work.
#[derive(Debug, Args)]
pub(super) struct GoingArgs {
    /// Do not ask; that machines leave has to be agreed to as well
    #[arg(long, short)]
    pub(super) yes: bool,

    /// How long to wait while somebody else is at work on the cluster: 90s, 10m, 1h
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = duration)]
    wait_for_lock: Duration,
}

impl GoingArgs {
    /// Returns how long somebody else's run is waited for.
    pub(super) fn patience(&self) -> Patience {
        Patience(self.wait_for_lock)
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
