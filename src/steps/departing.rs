//! A step of a machine that leaves: when the last of them has succeeded the machine is gone, and not looked for again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::site::Site;
use crate::engine::{Acted, Availability, Lane, Progress, Since, Step};
use crate::error::{Problem, Result};
use crate::model::{BoxFuture, MachineName, MachineSpec};
use crate::plan::Plan;

/// How many steps each machine that leaves has still before it.
#[derive(Default)]
pub(super) struct Departures(Mutex<BTreeMap<MachineName, usize>>);

impl Departures {
    /// Counts the steps of a plan.
    pub(super) fn begin(&self, plan: &Plan) {
        let mut left = BTreeMap::new();
        for machine in plan.steps.iter().filter_map(|step| step.machine.clone()) {
            *left.entry(machine).or_default() += 1;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }

    fn one_less(&self, machine: &MachineName) {
        if let Some(left) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(machine) {
            *left = left.saturating_sub(1);
        }
    }

    /// Tells whether nothing is left to do for a machine to be gone.
    pub(super) fn are_over(&self, machine: &MachineSpec) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.get(&machine.name).is_none_or(|left| *left == 0)
    }
}

/// The step with what its end means for the machine.
pub(super) struct Departing {
    pub(super) step: Box<dyn Step>,
    pub(super) machine: MachineName,
    pub(super) site: Arc<Site>,
}

impl Step for Departing {
    fn title(&self) -> String {
        self.step.title()
    }

    fn machine(&self) -> Option<&str> {
        self.step.machine()
    }

    fn lane(&self) -> Lane {
        self.step.lane()
    }

    fn availability(&self) -> Availability {
        self.step.availability()
    }

    fn deadline(&self) -> Duration {
        self.step.deadline()
    }

    fn since(&self) -> Since {
        self.step.since()
    }

    fn may_pass(&self, problem: &Problem) -> bool {
        self.step.may_pass(problem)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let acted = self.step.act(progress).await?;
            self.site.learned.departures.one_less(&self.machine);
            Ok(acted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Stage, control_plane, site};
    use super::*;
    use crate::plan::{Action, PlanBuilder};

    #[test]
    fn a_machine_is_gone_with_the_last_of_its_steps() {
        let site = site(&[1], &[2, 3], &Arc::new(Stage::default()));
        let (two, three) = (control_plane(2), control_plane(3));
        let mut plan = PlanBuilder::new(&site.desired, &site.observed);
        plan.add(Some(&two.name), Action::Clean, "", None);
        plan.add(Some(&two.name), Action::Leave, "", None);
        let departures = &site.learned.departures;
        departures.begin(&plan.finish());
        assert!(!departures.are_over(&two) && departures.are_over(&three));
        departures.one_less(&two.name);
        assert!(!departures.are_over(&two));
        departures.one_less(&two.name);
        assert!(departures.are_over(&two));
    }
}
