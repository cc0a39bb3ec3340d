//! How much a run may do at once, how much of it may fail, and what a failure means for the rest.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::error::{Class, Problem, Result};

/// How a run is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// How much may go on at once.
    pub limits: Limits,
    /// What a failure means for what it has nothing to do with.
    pub on_failure: OnFailure,
}

/// What happens to steps that do not need the one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// They go on: what failed is set aside.
    #[default]
    GoOn,
    /// None of them begins any more; those that run go on to their ends.
    BeginNothing,
}

/// How much may go on at once. What has no machine, the cluster as a whole, is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps that work on machines, those that send bytes among them.
    pub machines: NonZeroUsize,
    /// Steps that send bytes.
    pub transfers: NonZeroUsize,
    /// The bytes that those steps send, taken together. One that has more goes alone.
    pub bytes: u64,
    /// Machines that are unavailable at once: one on which a step runs that interrupts it, or on which such a step has
    /// failed, which nobody has put right before the run ends. `None` is as many as there are.
    pub unavailable: Option<NonZeroUsize>,
}

const MACHINES: NonZeroUsize = NonZeroUsize::new(64).unwrap();
const TRANSFERS: NonZeroUsize = NonZeroUsize::new(16).unwrap();
const BYTES: u64 = 8 * 1024 * 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self { machines: MACHINES, transfers: TRANSFERS, bytes: BYTES, unavailable: None }
    }
}

/// How many machines may be unavailable, as it is asked for: `2` or `25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxUnavailable {
    /// So many.
    Count(NonZeroUsize),
    /// So many of a hundred, from 1 to 100.
    Percent(u8),
}

impl MaxUnavailable {
    /// Returns how many of `machines` that are: a percentage is rounded down as Kubernetes does it, but one machine
    /// may always be, since nothing could be done otherwise.
    pub fn of(self, machines: usize) -> NonZeroUsize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                NonZeroUsize::new(machines * usize::from(percent) / 100).unwrap_or(NonZeroUsize::MIN)
            }
        }
    }
}

impl FromStr for MaxUnavailable {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let read = match text.strip_suffix('%') {
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| (1..=100).contains(percent) && !text.starts_with('+'))
                .map(Self::Percent),
            None => text.parse().ok().filter(|_| !text.starts_with('+')).map(Self::Count),
        };
        read.ok_or_else(|| {
            Problem::new(Class::Usage, format!("`{text}` is not a number of machines"))
                .remedy("write how many, `2`, or how many of a hundred, `25%`; at least one")
        })
    }
}

impl fmt::Display for MaxUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_down_to_one_at_least() {
        for (text, machines, count) in
            [("2", 300, 2), ("25%", 10, 2), ("25%", 3, 1), ("1%", 1, 1), ("100%", 7, 7), ("99%", 0, 1)]
        {
            let asked: MaxUnavailable = text.parse().unwrap();
            assert_eq!(asked.of(machines).get(), count, "{text} of {machines}");
            assert_eq!(asked.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_number_of_machines_is_refused() {
        for text in ["", "0", "-1", "+1", "+5%", "0%", "101%", "300%", "%", "1.5", "many", "5 %"] {
            assert!(text.parse::<MaxUnavailable>().is_err(), "{text}");
        }
    }
}
