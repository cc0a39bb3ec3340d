//! Whether the holder of a lock lives: its record is watched by a clock of our own, since two machines' clocks differ.

use std::time::Duration;

use tokio::time::Instant;

use crate::wire::LockRecord;

/// What is known of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Its record was not watched for long enough.
    Unknown,
    /// It has confirmed its lock while we watched.
    Lives,
    /// It has not, for the lock's whole term.
    Silent(Duration),
}

/// A record that is watched.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Option<(LockRecord, Instant)>,
    changed: bool,
}

impl Watch {
    /// Takes a look at the record, which is good for `term` after every confirmation.
    pub(super) fn look(&mut self, record: &LockRecord, term: Duration) -> Life {
        match &self.seen {
            Some((seen, since)) if seen == record => match since.elapsed() {
                silent if silent > term => Life::Silent(silent),
                _ if self.changed => Life::Lives,
                _ => Life::Unknown,
            },
            before => {
                self.changed = before.is_some();
                self.seen = Some((record.clone(), Instant::now()));
                if self.changed { Life::Lives } else { Life::Unknown }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Duration = Duration::from_secs(30);

    fn record(text: &str) -> LockRecord {
        LockRecord(text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_changes_is_alive_and_one_that_does_not_is_silent_after_its_term() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(&record("1"), TERM), Life::Unknown);
        tokio::time::sleep(TERM).await;
        assert_eq!(watch.look(&record("1"), TERM), Life::Unknown);
        assert_eq!(watch.look(&record("2"), TERM), Life::Lives);
        tokio::time::sleep(TERM).await;
        assert_eq!(watch.look(&record("2"), TERM), Life::Lives);
        tokio::time::sleep(TERM).await;
        assert_eq!(watch.look(&record("2"), TERM), Life::Silent(TERM * 2));
        assert_eq!(watch.look(&record("3"), TERM), Life::Lives);
    }
}
