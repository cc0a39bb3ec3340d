//! What the engine wants of a step.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::event::{Event, Observer, StepNumber};
use crate::error::{Class, Problem, Result};
use crate::model::BoxFuture;

/// What a step that succeeded found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acted {
    /// Something was to do, and is done.
    Changed,
    /// Its work was done already.
    Unchanged,
}

/// What limits how many steps run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Work on a machine.
    Work,
    /// Bytes leave this machine.
    Transfer {
        /// So many, if none of them are there yet.
        bytes: u64,
    },
}

/// What becomes of what a machine does for others while a step runs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Availability {
    /// It goes on.
    #[default]
    Kept,
    /// It is interrupted until the step has succeeded.
    Interrupted,
}

/// From when a step's deadline counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Since {
    /// From when it began.
    #[default]
    TheBegin,
    /// From when it told anything the last time: how long it takes depends on what nobody knows beforehand.
    TheLastWord,
}

/// After so long a step is given up that says nothing else: image scripts on slow disks are within it.
const DEADLINE: Duration = Duration::from_mins(30);

/// After so long a step is given up that still tells how far it is: a script may say something for ever, and its run holds the lock.
pub(super) const LONGEST: Duration = Duration::from_hours(4);

/// One step of a plan.
pub trait Step: Send + Sync {
    /// Says what it does, in the imperative and without the machine: `install containerd and kubelet`.
    fn title(&self) -> String;

    /// Returns the machine it works on; `None` is the cluster as a whole.
    fn machine(&self) -> Option<&str>;

    /// Returns what limits it.
    fn lane(&self) -> Lane {
        Lane::Work
    }

    /// Tells whether its machine is of use to others meanwhile.
    fn availability(&self) -> Availability {
        Availability::Kept
    }

    /// Returns how long it may take, all its tries together.
    fn deadline(&self) -> Duration {
        DEADLINE
    }

    /// Returns from when that counts.
    fn since(&self) -> Since {
        Since::TheBegin
    }

    /// Tells whether trying again may help. Only what is lost on the way is, unless a step knows better.
    fn may_pass(&self, problem: &Problem) -> bool {
        problem.class == Class::Connection
    }

    /// Looks whether the work is done and does it if not.
    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>>;
}

/// Through this a running step tells how far it is.
#[derive(Clone)]
pub struct Progress {
    pub(super) step: StepNumber,
    pub(super) observer: Arc<dyn Observer>,
    /// What the lines are said for, where people are to read them as they come.
    pub(super) source: Option<Arc<str>>,
    /// When the step told anything the last time.
    heard: Arc<Mutex<Instant>>,
    began: Instant,
}

impl Progress {
    /// Makes a progress of the step with this number.
    pub fn new(step: StepNumber, observer: Arc<dyn Observer>) -> Self {
        let began = Instant::now();
        Self { step, observer, source: None, heard: Arc::new(Mutex::new(began)), began }
    }

    /// Returns the same progress, whose lines are those of `source`, such as an application: people read them as they come.
    #[must_use]
    pub fn of(&self, source: &str) -> Self {
        Self { source: Some(source.into()), ..self.clone() }
    }

    /// Tells that `done` of `total` bytes are moved.
    pub fn bytes(&self, done: u64, total: u64) {
        self.hear();
        self.observer.event(&Event::StepProgress { step: self.step, done, total });
    }

    /// Passes on a line that the work printed.
    pub fn said(&self, line: impl Into<String>) {
        self.hear();
        let source = self.source.as_deref().map(str::to_owned);
        self.observer.event(&Event::StepSaid { step: self.step, line: line.into(), source });
    }

    /// Returns when the step began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns when the step told anything the last time; at first, when it began.
    pub(super) fn heard(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the step is tried again.
    pub(super) fn retried(&self, problem: &Problem) {
        self.observer.event(&Event::StepRetried { step: self.step, problem: problem.clone() });
    }
}
