//! The lock as every message of a run shows it: its epoch, and whether it can still be ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::error::{Class, Problem, Result};

/// How long a lock that is not confirmed counts as ours. Whoever wants it waits at least as long.
pub const TERM: Duration = Duration::from_secs(30);

/// A moment by a clock that also runs while the machine sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Returns this moment.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        Self(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32))
    }

    /// Returns the moment that was `earlier` before this one.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(earlier))
    }
}

/// A run's hold on its cluster. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tenure(Arc<Mutex<Standing>>);

#[derive(Debug, Clone, Default)]
enum Standing {
    /// Nothing is locked: the run only looks.
    #[default]
    None,
    /// Ours since the epoch began, and known to be at that moment.
    Held { epoch: u64, confirmed: Moment },
    /// Somebody else's now.
    Lost { epoch: u64, problem: Problem },
}

impl Tenure {
    /// Takes note that the lock is ours, known to be at `confirmed`: the moment before it was asked for.
    pub fn hold(&self, epoch: u64, confirmed: Moment) {
        self.change(|standing| {
            if !matches!(standing, Standing::Lost { .. }) {
                *standing = Standing::Held { epoch, confirmed };
            }
        });
    }

    /// Takes note that it is somebody else's. That is for good.
    pub fn lose(&self, problem: Problem) {
        let epoch = self.epoch();
        self.change(|standing| *standing = Standing::Lost { epoch, problem });
    }

    /// Takes note that it was given back.
    pub fn end(&self) {
        self.change(|standing| {
            if matches!(standing, Standing::Held { .. }) {
                *standing = Standing::None;
            }
        });
    }

    /// Returns the epoch that goes with every message; 0 is that of one who only looks.
    pub fn epoch(&self) -> u64 {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Standing::None => 0,
            Standing::Held { epoch, .. } | Standing::Lost { epoch, .. } => epoch,
        }
    }

    /// Returns how it was lost, if it was.
    pub fn lost(&self) -> Option<Problem> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Standing::Lost { problem, .. } => Some(problem.clone()),
            _ => None,
        }
    }

    /// Tells whether something may be changed under it at this moment.
    ///
    /// # Errors
    /// How it was lost; or class `Connection` when it was not confirmed for so long that somebody else may have it.
    pub(super) fn permits_change(&self) -> Result<()> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Standing::Held { confirmed, .. } if *confirmed < Moment::now().before(TERM) => Err(Problem::new(
                Class::Connection,
                format!("the cluster's lock was not confirmed for {} s", TERM.as_secs()),
            )
            .remedy("nothing is changed until it is known who has it")),
            Standing::Lost { problem, .. } => Err(problem.clone()),
            _ => Ok(()),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Whose messages they are: the run and its hold on the cluster.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The run's id.
    pub run: Arc<str>,
    /// Its lock.
    pub tenure: Tenure,
}

impl Speaker {
    /// Returns the speaker of a run that holds no lock yet.
    pub fn new(run: &str) -> Self {
        Self { run: run.into(), tenure: Tenure::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_good_for_its_term() {
        let tenure = Tenure::default();
        assert_eq!((tenure.epoch(), tenure.permits_change()), (0, Ok(())));
        tenure.hold(7, Moment::now());
        assert_eq!((tenure.epoch(), tenure.permits_change()), (7, Ok(())));
        tenure.hold(7, Moment::now().before(TERM + Duration::from_secs(1)));
        assert_eq!(tenure.permits_change().unwrap_err().class, Class::Connection);
        tenure.hold(7, Moment::now());
        assert_eq!(tenure.permits_change(), Ok(()));
    }

    #[test]
    fn what_is_lost_stays_lost() {
        let tenure = Tenure::default();
        tenure.hold(7, Moment::now());
        tenure.lose(Problem::new(Class::Busy, "bob has it"));
        tenure.hold(8, Moment::now());
        assert_eq!(tenure.permits_change().unwrap_err().message, "bob has it");
        assert_eq!((tenure.epoch(), tenure.lost().is_some()), (7, true));
    }
}
