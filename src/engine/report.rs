//! How a run ended, step by step.

use std::time::Duration;

use super::event::{Event, Outcome};
use crate::error::Problem;

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// Each step's end, in the order of the plan.
    pub outcomes: Vec<Outcome>,
    /// Each step's duration; zero for one that was not tried.
    pub durations: Vec<Duration>,
    /// From the first step's begin to the last one's end.
    pub duration: Duration,
}

impl Report {
    /// Returns what failed, in the order of the plan.
    pub fn problems(&self) -> Vec<Problem> {
        self.outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Failed { problem } => Some(problem.clone()),
                _ => None,
            })
            .collect()
    }

    /// Tells whether the operator stopped it.
    pub fn was_cancelled(&self) -> bool {
        self.outcomes.contains(&Outcome::Cancelled)
    }

    /// Returns the event that ends the run.
    pub(super) fn event(&self) -> Event {
        let count =
            |wanted: fn(&Outcome) -> bool| self.outcomes.iter().filter(|outcome| wanted(outcome)).count();
        Event::RunFinished {
            seconds: self.duration.as_secs_f64(),
            succeeded: count(Outcome::is_success),
            failed: count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            left: count(|outcome| matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled)),
        }
    }
}
