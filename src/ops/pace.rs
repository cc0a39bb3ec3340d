//! How a run goes about its work: what it waits for, how much of the cluster it may take away at once, when it stops.

use std::time::Duration;

use crate::cluster::Patience;
use crate::engine::{Limits, MaxUnavailable, OnFailure, Policy};
use crate::steps::DrainPolicy;

/// What the flags say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long somebody else's run is waited for.
    pub patience: Patience,
    /// What a failure means for the rest. A machine that is silent from the beginning is one, too.
    pub on_failure: OnFailure,
    /// How many machines may be interrupted at once; `None` is as many as there are.
    pub unavailable: Option<MaxUnavailable>,
    /// How long the pods of a machine that leaves have to go elsewhere.
    pub drain: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            on_failure: OnFailure::default(),
            unavailable: None,
            drain: Duration::from_secs(DrainPolicy::default().seconds),
        }
    }
}

impl Pace {
    /// Returns how a plan for a cluster of so many machines is carried out.
    pub(super) fn policy(&self, machines: usize) -> Policy {
        let unavailable = self.unavailable.map(|most| most.of(machines));
        Policy { limits: Limits { unavailable, ..Limits::default() }, on_failure: self.on_failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_machines_is_counted_from_the_cluster() {
        let pace = Pace { unavailable: "25%".parse().ok(), ..Pace::default() };
        let unavailable = |machines| pace.policy(machines).limits.unavailable.map(usize::from);
        assert_eq!((unavailable(8), unavailable(3)), (Some(2), Some(1)));
        assert_eq!(Pace::default().policy(8), Policy::default());
    }
}
