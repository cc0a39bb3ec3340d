//! How a run goes about its work: what it waits for, how much of the cluster it may take away at once, when it stops.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::cluster::Patience;
use crate::engine::{Limits, MaxUnavailable, OnFailure, Policy};
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Cluster, MachineName, Observed};
use crate::plan::{Disruption, Plan};
use crate::steps::DrainPolicy;

/// What the flags say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long somebody else's run is waited for.
    pub patience: Patience,
    /// What a failure means for the rest. A machine that is silent from the beginning is one, too.
    pub on_failure: OnFailure,
    /// How many machines may be interrupted at once, those among them that are silent from the beginning; `None` is as
    /// many as there are.
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
    /// Returns how a plan for these machines is carried out. A machine that is silent is unavailable already.
    ///
    /// # Errors
    /// Who wants to stop at the first failure does not begin beside a machine that is set aside: what is known of each. Class
    /// `Refused` when the plan interrupts machines and as many as may be are silent.
    pub(super) fn policy(
        &self,
        plan: &Plan,
        cluster: &Cluster,
        observed: &Observed,
    ) -> Result<Policy, Problems> {
        if self.on_failure == OnFailure::BeginNothing {
            Problems::check(plan.set_aside.clone())?;
        }
        let interrupts = plan.steps.iter().any(|step| step.disruption == Disruption::Machine);
        let names = cluster.machines.iter().map(|machine| &machine.name);
        let silent: Vec<&MachineName> = names.filter(|name| observed.facts(name).is_none()).collect();
        let most = self.unavailable.filter(|_| interrupts);
        let unavailable = most.map(|most| beside(&silent, most, cluster.machines.len())).transpose()?;
        Ok(Policy { limits: Limits { unavailable, ..Limits::default() }, on_failure: self.on_failure })
    }
}

/// Returns how many of so many machines may be interrupted beside those that are silent.
fn beside(silent: &[&MachineName], most: MaxUnavailable, machines: usize) -> Result<NonZeroUsize> {
    let left = most.of(machines).get().saturating_sub(silent.len());
    NonZeroUsize::new(left).ok_or_else(|| {
        let message = format!(
            "the plan interrupts machines, and `--max-unavailable {most}` lets no more be unavailable than are silent"
        );
        let told = silent.iter().map(|machine| format!("{machine} does not answer"));
        told.fold(Problem::new(Class::Refused, message), Problem::saw)
            .remedy("start them, then run the same command again")
            .remedy("or let more machines be unavailable at once")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_is_counted_among_a_share_of_the_machines() {
        let (one, two) = (MachineName("10.0.0.1".into()), MachineName("10.0.0.2".into()));
        let left = |silent: &[&MachineName], most: &str, machines| {
            beside(silent, most.parse().unwrap(), machines).map(usize::from)
        };
        assert_eq!(left(&[], "25%", 8), Ok(2));
        assert_eq!(left(&[&one], "25%", 8), Ok(1));
        assert_eq!(left(&[], "25%", 3), Ok(1), "one may always be");
        for (most, machines) in [("2", 100), ("25%", 8), ("1%", 8)] {
            let refused = left(&[&one, &two], most, machines).unwrap_err();
            assert_eq!((refused.class, refused.seen.len()), (Class::Refused, 2), "{refused}");
        }
    }
}
