//! The last runs that changed a cluster, kept with its definition: for people, and for nothing else.

use serde::{Deserialize, Serialize};

/// How many runs are kept.
const MOST_RUNS: usize = 20;

/// How many kinds of steps are told of each.
const MOST_KINDS: usize = 30;

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// Its id, which names its journal too.
    pub run: String,
    /// What it was for: `apply Clusterfile`.
    pub command: String,
    /// The operator: `user@host`.
    pub by: String,
    /// When it ended, RFC 3339.
    pub ended: String,
    /// How long it took, seconds.
    pub seconds: u64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// What it did, by the steps' titles.
    pub steps: Vec<StepCount>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// All was as desired.
    Done,
    /// Some machines were set aside.
    Partial,
    /// What was wanted was not reached.
    Failed,
    /// It was stopped.
    Interrupted,
}

/// How often steps of one title ended in which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount {
    /// The title.
    pub title: String,
    /// How many did their work or found it done.
    pub done: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were not tried, or were stopped.
    pub left: usize,
}

/// The last runs, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<PastRun>);

impl History {
    /// Adds a run; the oldest one goes when there are too many.
    pub fn add(&mut self, mut run: PastRun) {
        run.steps.truncate(MOST_KINDS);
        self.0.push(run);
        let surplus = self.0.len().saturating_sub(MOST_RUNS);
        self.0.drain(..surplus);
    }

    /// Returns the runs, the oldest first.
    pub fn runs(&self) -> &[PastRun] {
        &self.0
    }

    /// Returns the newest run, if `other` does not know of it.
    pub fn news_for(&self, other: &Self) -> Option<&PastRun> {
        self.0.last().filter(|newest| other.0.iter().all(|run| run.run != newest.run))
    }

    /// Tells whether nothing was ever recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> PastRun {
        let step = |title: usize| StepCount { title: title.to_string(), done: 1, failed: 0, left: 0 };
        PastRun {
            run: name.to_owned(),
            command: "apply".to_owned(),
            by: "root@desk".to_owned(),
            ended: "2026-01-01T00:00:00Z".to_owned(),
            seconds: 1,
            outcome: RunOutcome::Done,
            steps: (0..100).map(step).collect(),
        }
    }

    #[test]
    fn a_run_from_elsewhere_is_news() {
        let (mut here, mut cluster) = (History::default(), History::default());
        assert_eq!(cluster.news_for(&here), None);
        here.add(run("one"));
        cluster.add(run("one"));
        here.add(run("two"));
        assert_eq!(cluster.news_for(&here), None, "what is newer here is none");
        cluster.add(run("three"));
        assert_eq!(cluster.news_for(&here).map(|run| run.run.as_str()), Some("three"));
    }

    #[test]
    fn it_is_bounded_and_keeps_the_newest() {
        let mut history = History::default();
        for number in 0..50 {
            history.add(run(&number.to_string()));
        }
        assert_eq!(history.runs().len(), MOST_RUNS);
        assert_eq!(
            history.runs().last().map(|run| (run.run.as_str(), run.steps.len())),
            Some(("49", MOST_KINDS))
        );
        assert!(serde_json::to_string(&history).unwrap().len() < 100_000, "a Secret holds a MiB");
    }
}
