//! What time it is, for timestamps and for elapsed times.

use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};

/// Tells the time; a double stands still, so that what is written can be compared.
pub(super) trait Clock: Send + Sync {
    /// Returns the time of day where the operator is.
    fn local(&self) -> Zoned;

    /// Returns the time that went by since the program began.
    fn elapsed(&self) -> Duration;

    /// Returns the point in time, to the millisecond.
    fn timestamp(&self) -> Timestamp {
        let now = self.local().timestamp();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// This machine's clocks.
#[derive(Debug)]
pub(super) struct SystemClock(Instant);

impl SystemClock {
    /// Starts to count.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn local(&self) -> Zoned {
        Zoned::now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
