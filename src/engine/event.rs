//! What a run tells while it goes on: one event at a time, for terminals, programs and the journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// A step's number in its run's plan, from 1.
pub type StepNumber = usize;

/// What a step's end was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// It did its work.
    Done,
    /// It found its work done.
    AlreadyDone,
    /// It failed.
    Failed {
        /// Why.
        problem: Problem,
    },
    /// It was not tried because of another step's end: it needs that one, or the run was to begin nothing after a
    /// failure, or as many machines as may be are unavailable.
    Skipped {
        /// The number of that step.
        because: StepNumber,
    },
    /// The operator stopped the run before or while it ran; work begun on a machine ends there by itself.
    Cancelled,
}

impl Outcome {
    /// Tells whether what the step is for is as it should be.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::AlreadyDone)
    }
}

/// One thing that happened in a run. `--output json` prints one a line; so does the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The plan is known and its steps begin.
    RunStarted {
        /// The run's id.
        run: String,
        /// The cluster's name.
        cluster: String,
        /// How many steps there are.
        steps: usize,
    },
    /// A step begins.
    StepStarted {
        /// Its number.
        step: StepNumber,
        /// The machine it works on; none for a step of the whole cluster.
        machine: Option<String>,
        /// What it does.
        title: String,
    },
    /// A step that moves bytes has come this far.
    StepProgress {
        /// Its number.
        step: StepNumber,
        /// Bytes moved.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A line that the work on the machine printed.
    StepSaid {
        /// Its number.
        step: StepNumber,
        /// The line, without its end.
        line: String,
        /// The application or hook that printed it; none is sealift's own work or a machine's script.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
    },
    /// A step failed in a way that may pass, and is tried again.
    StepRetried {
        /// Its number.
        step: StepNumber,
        /// What was seen.
        problem: Problem,
    },
    /// A step ended.
    StepFinished {
        /// Its number.
        step: StepNumber,
        /// The machine it worked on.
        machine: Option<String>,
        /// What it did.
        title: String,
        /// How long it took, in seconds.
        seconds: f64,
        /// How it ended.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// The run ended.
    RunFinished {
        /// How long it took, in seconds.
        seconds: f64,
        /// How many steps ended well.
        succeeded: usize,
        /// How many failed.
        failed: usize,
        /// How many were not tried or were stopped.
        left: usize,
    },
}

/// Hears the events of a run, in order.
pub trait Observer: Send + Sync {
    /// Takes one event; must not block for long.
    fn event(&self, event: &Event);
}
