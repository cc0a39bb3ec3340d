//! The cluster's lock at a machine: its own, held by this process, and the cluster's Lease, reached from here.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::blocking::blocking;
use super::paths::Grounds;
use super::{fence, kubernetes};
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::model::Holder;
use crate::wire::{AcquireLock, Keeper, LockAnswer, LockRecord, ReleaseLock, RenewLock, TERM};

/// What one operator's connection holds. The machine's lock is free when this process ends, however it ends.
pub(super) struct Locks {
    grounds: Grounds,
    /// Whether the machine belonged to a cluster when this process began.
    was_somebodys: bool,
    machine: Mutex<Option<Held>>,
    lease: Mutex<Option<Leased>>,
}

struct Held {
    #[expect(dead_code, reason = "it is held, not looked at")]
    lock: fsx::Lock,
    /// The newest epoch that this process has taken note of.
    epoch: u64,
}

/// The Lease as this process wrote it last.
struct Leased {
    run: String,
    written: LockRecord,
}

/// Who has the machine's lock, for those who come second; it changes with every confirmation.
#[derive(Serialize, Deserialize)]
struct Note {
    holder: Holder,
    beat: u64,
}

impl Locks {
    /// Returns the locks of the machine with these grounds, none of them held.
    pub(super) fn at(grounds: Grounds) -> Self {
        let was_somebodys = grounds.marker.exists();
        Self { grounds, was_somebodys, machine: Mutex::default(), lease: Mutex::default() }
    }

    /// Takes a lock if nobody has it.
    pub(super) async fn acquire(self: Arc<Self>, order: AcquireLock) -> Result<LockAnswer> {
        let holder = with_address(order.holder);
        match order.keeper {
            Keeper::Machine => blocking(move || self.acquire_machine(&holder)).await,
            Keeper::Lease => {
                let api = kubernetes::api().await?;
                match api.acquire_lock(&holder, order.at_least, order.over.as_ref()).await? {
                    // Confirmed at once: its record is what this process may let go at its end.
                    LockAnswer::Ours { epoch } => self.renew_lease(&holder, epoch).await,
                    other => Ok(other),
                }
            }
        }
    }

    /// Confirms a lock of this epoch.
    pub(super) async fn renew(self: Arc<Self>, order: RenewLock, epoch: u64) -> Result<LockAnswer> {
        let holder = with_address(order.holder);
        match order.keeper {
            Keeper::Machine => blocking(move || self.renew_machine(&holder, epoch)).await,
            Keeper::Lease => self.renew_lease(&holder, epoch).await,
        }
    }

    /// Gives a lock back.
    pub(super) async fn release(self: Arc<Self>, order: &ReleaseLock, run: &str) -> Result<()> {
        match order.keeper {
            Keeper::Machine => blocking(move || self.release_machine()).await,
            Keeper::Lease => {
                self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
                kubernetes::api().await?.release_lock(run, None).await
            }
        }
    }

    /// Lets the Lease go when the operator is gone, unless it was confirmed by another way since. Nobody has to wait for its
    /// end then.
    ///
    /// The machine's lock goes with this process. What it leaves on a machine that was nobody's stays until the next reboot: a
    /// run that only slept is known to be overtaken by the epoch that is there. Where the machine was left while this process
    /// came for the lock, nobody else may come to take its trace away.
    pub(super) async fn abandon(self: Arc<Self>) {
        if self.was_somebodys {
            let locks = self.clone();
            // There is nobody to tell; the next reboot takes it away as well.
            drop(blocking(move || locks.release_machine()).await);
        }
        let leased = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(leased) = leased else { return };
        if let Ok(api) = kubernetes::api().await {
            // It ends by itself as well.
            let _ = api.release_lock(&leased.run, Some(&leased.written)).await;
        }
    }

    async fn renew_lease(&self, holder: &Holder, epoch: u64) -> Result<LockAnswer> {
        let (answer, written) = kubernetes::api().await?.renew_lock(holder, epoch).await?;
        let leased = written.map(|written| Leased { run: holder.run.clone(), written });
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = leased;
        Ok(answer)
    }

    fn acquire_machine(&self, holder: &Holder) -> Result<LockAnswer> {
        let mut held = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            match self.take(holder)? {
                Ok(lock) => *held = Some(Held { lock, epoch: 0 }),
                Err(theirs) => return Ok(theirs),
            }
        }
        Ok(LockAnswer::Ours { epoch: fence::newest(&self.grounds)? })
    }

    fn renew_machine(&self, holder: &Holder, epoch: u64) -> Result<LockAnswer> {
        let mut held = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = fence::newest(&self.grounds)?;
        if newest > epoch {
            held.take();
            return Ok(match self.lock()? {
                Ok(_free) => LockAnswer::Passed { epoch: newest },
                Err(theirs) => theirs,
            });
        }
        let present = match held.as_mut() {
            Some(present) => present,
            None => match self.take(holder)? {
                Ok(lock) => held.insert(Held { lock, epoch: 0 }),
                // Our own connection before this one, which has not noticed its end yet.
                Err(LockAnswer::Theirs { holder: theirs, .. }) if theirs.run == holder.run => {
                    return Ok(LockAnswer::Ours { epoch });
                }
                Err(theirs) => return Ok(theirs),
            },
        };
        if present.epoch < epoch {
            fence::admit(&self.grounds, epoch)?;
            present.epoch = epoch;
        }
        self.confirm(holder)?;
        Ok(LockAnswer::Ours { epoch })
    }

    /// Gives the machine's lock back. One that is nobody's keeps no trace of it: it was left while this process came for
    /// the lock, or never claimed.
    fn release_machine(&self) -> Result<()> {
        match self.machine.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(_held) => fence::forget(&self.grounds),
            None => Ok(()),
        }
    }

    /// Takes the machine's lock for `holder`, or returns who has it.
    fn take(&self, holder: &Holder) -> Result<Result<fsx::Lock, LockAnswer>> {
        let lock = self.lock()?;
        if lock.is_ok() {
            self.note(&Note { holder: holder.clone(), beat: 0 })?;
        }
        Ok(lock)
    }

    /// Locks the machine without a note of who did, or returns who has it.
    fn lock(&self) -> Result<Result<fsx::Lock, LockAnswer>> {
        let take = || fsx::try_lock(&self.grounds.operator_lock());
        let taken = loop {
            if let Some(taken) = fence::under_run(&self.grounds, take)? {
                break taken;
            }
        };
        if let Some(lock) = taken {
            return Ok(Ok(lock));
        }
        // Without a note it was taken a moment ago.
        let note = self.read_note()?.unwrap_or_else(|| Note { holder: unnamed(), beat: 0 });
        let record = LockRecord(format!("{} {}", note.holder.run, note.beat));
        let (holder, seconds) = (Box::new(note.holder), TERM.as_secs());
        Ok(Err(LockAnswer::Theirs { holder, record, seconds, epoch: fence::newest(&self.grounds)? }))
    }

    /// Lets those who wait see that the holder lives. The note is gone once the machine was left, and stays so.
    fn confirm(&self, holder: &Holder) -> Result<()> {
        match self.read_note()? {
            Some(note) if note.holder.run == holder.run => self.note(&Note { beat: note.beat + 1, ..note }),
            _ => Ok(()),
        }
    }

    fn note(&self, note: &Note) -> Result<()> {
        let text = serde_json::to_vec(note).problem(Class::Internal, "cannot write the holder down")?;
        fsx::write_atomically(&self.grounds.operator_note(), text, 0o600)
    }

    fn read_note(&self) -> Result<Option<Note>> {
        let path = self.grounds.operator_note();
        let Some(text) = fsx::read_if_exists(&path)? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .problem_with(Class::Machine, || format!("{} cannot be read", path.display()))
    }
}

fn unnamed() -> Holder {
    let unknown = || "unknown".to_owned();
    Holder {
        user: unknown(),
        host: unknown(),
        process: 0,
        address: None,
        run: unknown(),
        command: unknown(),
        since: unknown(),
    }
}

/// Adds where the connection comes from, as the SSH server told this process; sudo may keep that from it.
fn with_address(holder: Holder) -> Holder {
    let connection = std::env::var("SSH_CONNECTION").unwrap_or_default();
    let address = connection.split_whitespace().next().map(str::to_owned);
    Holder { address: address.or(holder.address), ..holder }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: &str) -> Holder {
        Holder { run: run.to_owned(), ..unnamed() }
    }

    /// Two operators' agents on one machine.
    fn two() -> (tempfile::TempDir, [Arc<Locks>; 2]) {
        let directory = tempfile::tempdir().unwrap();
        let grounds =
            Grounds { marker: directory.path().join("machine.json"), run: directory.path().join("run") };
        let locks = [grounds.clone(), grounds].map(|grounds| Arc::new(Locks::at(grounds)));
        (directory, locks)
    }

    async fn acquire(locks: &Arc<Locks>, run: &str) -> LockAnswer {
        let order = AcquireLock { keeper: Keeper::Machine, holder: holder(run), at_least: 1, over: None };
        locks.clone().acquire(order).await.unwrap()
    }

    async fn renew(locks: &Arc<Locks>, run: &str, epoch: u64) -> LockAnswer {
        let order = RenewLock { keeper: Keeper::Machine, holder: holder(run) };
        locks.clone().renew(order, epoch).await.unwrap()
    }

    fn seen(answer: LockAnswer) -> (String, LockRecord) {
        match answer {
            LockAnswer::Theirs { holder, record, .. } => (holder.run, record),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_second_is_told_of_the_first_and_sees_it_live() {
        let (_directory, [first, second]) = two();
        assert_eq!(acquire(&first, "one").await, LockAnswer::Ours { epoch: 0 });
        let (run, before) = seen(acquire(&second, "two").await);
        assert_eq!((run.as_str(), seen(acquire(&second, "two").await).1), ("one", before.clone()));
        assert_eq!(renew(&first, "one", 1).await, LockAnswer::Ours { epoch: 1 });
        assert_ne!(seen(acquire(&second, "two").await).1, before);
    }

    #[tokio::test]
    async fn it_is_free_when_its_holder_is_gone_and_the_old_epoch_is_refused() {
        let (_directory, [first, second]) = two();
        acquire(&first, "one").await;
        renew(&first, "one", 1).await;
        drop(first);
        assert_eq!(acquire(&second, "two").await, LockAnswer::Ours { epoch: 1 });
        assert_eq!(renew(&second, "two", 2).await, LockAnswer::Ours { epoch: 2 });
        let woken = Arc::new(Locks::at(second.grounds.clone()));
        assert_eq!(seen(renew(&woken, "one", 1).await).0, "two");
        drop(Arc::into_inner(second).map(|locks| locks.machine));
        assert_eq!(renew(&woken, "one", 1).await, LockAnswer::Passed { epoch: 2 });
        assert!(fence::admit(&woken.grounds, 1).is_err());
    }

    #[tokio::test]
    async fn a_new_connection_of_the_same_run_goes_on() {
        let (_directory, [first, second]) = two();
        acquire(&first, "one").await;
        renew(&first, "one", 1).await;
        // The machine has not noticed yet that the first is gone.
        assert_eq!(renew(&second, "one", 1).await, LockAnswer::Ours { epoch: 1 });
        drop(first);
        assert_eq!(renew(&second, "one", 1).await, LockAnswer::Ours { epoch: 1 });
        let third = Arc::new(Locks::at(second.grounds.clone()));
        assert_eq!(seen(acquire(&third, "two").await).0, "one");
    }

    #[tokio::test]
    async fn a_machine_that_was_left_stays_without_a_trace() {
        let (_directory, [first, _]) = two();
        acquire(&first, "one").await;
        renew(&first, "one", 1).await;
        std::fs::remove_dir_all(&first.grounds.run).unwrap();
        assert_eq!(renew(&first, "one", 1).await, LockAnswer::Ours { epoch: 1 });
        assert!(!first.grounds.run.exists());
    }

    #[tokio::test]
    async fn a_machine_that_was_left_before_the_lock_came_stays_without_a_trace() {
        let order = ReleaseLock { keeper: Keeper::Machine };
        let (_directory, [first, second]) = two();
        acquire(&first, "one").await;
        renew(&first, "one", 1).await;
        first.clone().release(&order, "one").await.unwrap();
        assert!(!first.grounds.run.exists());
        // One that is gone may only sleep, and must find that it was overtaken.
        acquire(&second, "two").await;
        renew(&second, "two", 2).await;
        second.clone().abandon().await;
        assert_eq!(renew(&second, "one", 1).await, LockAnswer::Passed { epoch: 2 });
    }

    #[tokio::test]
    async fn a_run_that_is_gone_leaves_no_trace_on_a_machine_that_was_left_meanwhile() {
        let (_directory, [first, _]) = two();
        std::fs::write(&first.grounds.marker, "somebody's").unwrap();
        let second = Arc::new(Locks::at(first.grounds.clone()));
        std::fs::remove_file(&first.grounds.marker).unwrap();
        acquire(&second, "two").await;
        renew(&second, "two", 2).await;
        second.clone().abandon().await;
        assert!(!first.grounds.run.exists());
    }

    #[tokio::test]
    async fn what_else_is_under_way_on_a_machine_stays() {
        let order = ReleaseLock { keeper: Keeper::Machine };
        let (_directory, [first, second]) = two();
        acquire(&first, "one").await;
        let work = first.grounds.run.join("work");
        std::fs::create_dir(&work).unwrap();
        // Who does not hold it takes nothing away.
        second.clone().release(&order, "two").await.unwrap();
        assert_eq!(seen(acquire(&second, "two").await).0, "one");
        first.clone().release(&order, "one").await.unwrap();
        assert!(work.exists());
        assert_eq!(acquire(&second, "two").await, LockAnswer::Ours { epoch: 0 });
    }
}
