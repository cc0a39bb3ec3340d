//! A plan and the end of a run as a person looks at them: plain data, without how it is done.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::StepNumber;
use crate::error::Problem;
use crate::model::DocumentChange;
use crate::plan::FileChange;

/// What a step does to what runs there now.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Disruption {
    /// It only adds; what runs goes on.
    #[default]
    Adds,
    /// Something that runs stops for a while: a service restarts, pods move away.
    Interrupts,
    /// Something is deleted, or leaves the cluster.
    Removes,
}

/// Whether it is known beforehand what a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// sealift does it itself.
    #[default]
    Known,
    /// An image's script or command does it, and nobody can see into that.
    Opaque,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// Its number in the run, from 1.
    pub number: StepNumber,
    /// The machine it works on; none for a step of the whole cluster.
    pub machine: Option<String>,
    /// What it does; the title that the run's events carry.
    pub title: String,
    /// Why it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it does to what runs there.
    #[serde(default)]
    pub disruption: Disruption,
    /// Whether its effect is known.
    #[serde(default)]
    pub certainty: Certainty,
}

/// Steps that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanGroup {
    /// What they are for: `machines`, `control plane`, `applications`.
    pub title: String,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanView {
    /// What it is a plan of: `apply Clusterfile`.
    pub title: String,
    /// The cluster's name.
    pub cluster: String,
    /// What becomes of the machines.
    #[serde(default)]
    pub machines: Affected,
    /// Why machines were left out of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<Problem>,
    /// Its steps, grouped, in the order of their numbers.
    pub groups: Vec<PlanGroup>,
    /// What becomes of files of the images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
    /// What changes in the documents by which the components of a cluster that runs are configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentChange>,
}

/// How many machines a plan is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Affected {
    /// They come to the cluster.
    pub joining: usize,
    /// They are in it, and something on them changes.
    pub changing: usize,
    /// They leave it.
    pub leaving: usize,
    /// They stay as they are.
    pub untouched: usize,
}

impl PlanView {
    /// Returns all steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &PlannedStep> {
        self.groups.iter().flat_map(|group| &group.steps)
    }
}

/// Something begun that has not ended: the machine goes on with it alone, and the next run picks it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HalfDone {
    /// The machine; none for a step of the whole cluster.
    pub machine: Option<String>,
    /// The step's title.
    pub title: String,
}

/// How a command that changes something ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "ending")]
pub enum Ending {
    /// All is as desired.
    Done,
    /// All was as desired already.
    NothingToDo,
    /// Some machines were set aside, and the rest is as desired.
    Partial,
    /// What was wanted was not reached.
    Failed,
    /// The operator stopped it.
    Interrupted {
        /// What was begun and has not ended.
        half_done: Vec<HalfDone>,
        /// The command that goes on from there.
        again: String,
    },
}

/// How long the steps of one title took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepTiming {
    /// What they did.
    pub title: String,
    /// How many there were.
    pub count: usize,
    /// The longest of them, in seconds.
    pub longest: f64,
    /// The machine the longest was on.
    pub slowest: Option<String>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// What is now, in one sentence: `cluster "demo" is up: 3 control planes, 2 workers`.
    pub what: String,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// How long the steps took, in the order of the plan.
    pub steps: Vec<StepTiming>,
    /// What went wrong on the machines that were set aside.
    pub set_aside: Vec<Problem>,
    /// How many steps succeeded.
    pub succeeded: usize,
    /// How many steps were planned.
    pub planned: usize,
    /// How long it took in all, in seconds.
    pub seconds: f64,
    /// Commands to type next.
    pub next: Vec<String>,
}

impl StepTiming {
    /// Gathers what single steps took by their titles, in the order in which the titles first come.
    pub fn gather<'a>(steps: impl IntoIterator<Item = (&'a str, Option<&'a str>, Duration)>) -> Vec<Self> {
        let mut timings: Vec<Self> = vec![];
        for (title, machine, duration) in steps {
            let one = Self {
                title: title.to_owned(),
                count: 1,
                longest: duration.as_secs_f64(),
                slowest: machine.map(str::to_owned),
            };
            match timings.iter_mut().find(|timing| timing.title == title) {
                Some(timing) => timing.join(one),
                None => timings.push(one),
            }
        }
        timings
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        if other.longest > self.longest {
            self.longest = other.longest;
            self.slowest = other.slowest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timings_are_gathered_by_title_and_keep_the_slowest_machine() {
        let seconds = Duration::from_secs;
        let timings = StepTiming::gather([
            ("install", Some("a"), seconds(2)),
            ("join", Some("a"), seconds(9)),
            ("install", Some("b"), seconds(5)),
            ("install", Some("c"), seconds(3)),
        ]);
        let told: Vec<_> =
            timings.iter().map(|t| (t.title.as_str(), t.count, t.longest, t.slowest.as_deref())).collect();
        assert_eq!(told, [("install", 3, 5.0, Some("b")), ("join", 1, 9.0, Some("a"))]);
    }
}
