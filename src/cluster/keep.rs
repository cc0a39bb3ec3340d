//! Keeping a cluster's lock: all its keepers are asked every few seconds, and the Lease is taken as soon as there is one.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fleet::Fleet;
use super::lock::{Keepers, ask, passed, taken_over};
use super::watch::{Life, Watch};
use crate::error::{Class, Problem, Result};
use crate::model::{BoxFuture, Holder, MachineName};
use crate::wire::{AcquireLock, Keeper, LockAnswer, LockRecord, Moment, RenewLock, TERM};

/// How often a lock is confirmed.
const CONFIRM_EVERY: Duration = Duration::from_secs(5);

/// How often they are asked once more when nobody has confirmed it for its whole term. A run that slept finds its
/// connections dead; over new ones it hears who has taken over. It changes nothing meanwhile.
const LAST_TRIES: usize = 2;

/// Confirms the lock until it is lost, and then cancels `lost`. The fleet's tenure knows how it stands.
pub(super) async fn keep(fleet: Fleet, keepers: Keepers, holder: Holder, lost: CancellationToken) {
    if keepers.locked.is_empty() {
        // No machine is left that somebody else could have, either.
        return;
    }
    let lease = if keepers.api.is_empty() { Lease::None } else { Lease::Ours };
    let mut keeping = Keeping { fleet, keepers, holder, lease, watch: Watch::default(), over: None };
    let mut confirmed = Instant::now();
    let mut tries = LAST_TRIES;
    loop {
        tokio::time::sleep(CONFIRM_EVERY).await;
        match keeping.confirm().await {
            Ok(Confirmed::Yes) => (confirmed, tries) = (Instant::now(), LAST_TRIES),
            Ok(Confirmed::No) if confirmed.elapsed() < TERM => {}
            Ok(Confirmed::No) if tries > 0 => tries -= 1,
            Ok(Confirmed::No) => break keeping.fleet.tenure().lose(unconfirmed()),
            Err(problem) => break keeping.fleet.tenure().lose(problem),
        }
    }
    lost.cancel();
}

/// Whether anybody knew the lock to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    Yes,
    No,
}

/// How the Lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lease {
    /// There was no API to ask when the lock was taken.
    None,
    /// It is ours.
    Ours,
}

struct Keeping {
    fleet: Fleet,
    keepers: Keepers,
    holder: Holder,
    lease: Lease,
    /// The Lease of somebody who held it when the API came back.
    watch: Watch,
    over: Option<LockRecord>,
}

impl Keeping {
    /// Asks every keeper once. An answer counts as soon as it comes: a machine that is gone holds up nobody.
    ///
    /// # Errors
    /// When another run has one of them.
    async fn confirm(&mut self) -> Result<Confirmed> {
        let asked = Moment::now();
        let stays = |name: &&MachineName| !self.fleet.has_let_go(name);
        let machines: Vec<MachineName> = self.keepers.locked.iter().filter(stays).cloned().collect();
        if machines.is_empty() {
            // No machine is left that somebody else could have, either.
            self.fleet.tenure().hold(self.fleet.tenure().epoch(), asked);
            return Ok(Confirmed::Yes);
        }
        let mut answers: FuturesUnordered<BoxFuture<'_, (Keeper, Option<LockAnswer>)>> =
            FuturesUnordered::new();
        for machine in &machines {
            let order = RenewLock { keeper: Keeper::Machine, holder: self.holder.clone() };
            let fleet = &self.fleet;
            answers.push(Box::pin(async move { (Keeper::Machine, ask(fleet, machine, order).await.ok()) }));
        }
        answers.push(Box::pin(async { (Keeper::Lease, self.ask_for_lease(&machines).await) }));
        let mut confirmed = Confirmed::No;
        let mut lease = None;
        while let Some((keeper, answer)) = answers.next().await {
            match answer {
                None => {}
                Some(LockAnswer::Ours { epoch }) => {
                    confirmed = Confirmed::Yes;
                    // An API that came back may know more epochs than the machines that answered.
                    self.fleet.tenure().hold(epoch.max(self.fleet.tenure().epoch()), asked);
                    if keeper == Keeper::Lease {
                        lease = Some(LockAnswer::Ours { epoch });
                    }
                }
                Some(other) if keeper == Keeper::Lease && self.lease == Lease::None => lease = Some(other),
                // Somebody who has begun to take locks; with those of the other machines they do not come far.
                Some(LockAnswer::Theirs { epoch, .. })
                    if keeper == Keeper::Machine && epoch <= self.fleet.tenure().epoch() => {}
                Some(LockAnswer::Theirs { holder, .. }) => return Err(taken_over(&holder)),
                Some(LockAnswer::Passed { epoch }) => return Err(passed(epoch)),
            }
        }
        drop(answers);
        self.meet(lease)?;
        Ok(confirmed)
    }

    /// Confirms the Lease through the first control plane that can; takes it where the API has only now come.
    async fn ask_for_lease(&self, through: &[MachineName]) -> Option<LockAnswer> {
        for machine in through {
            let answer = match self.lease {
                Lease::Ours => {
                    let order = RenewLock { keeper: Keeper::Lease, holder: self.holder.clone() };
                    ask(&self.fleet, machine, order).await
                }
                Lease::None => {
                    let at_least = self.fleet.tenure().epoch();
                    let (holder, over) = (self.holder.clone(), self.over.clone());
                    let order = AcquireLock { keeper: Keeper::Lease, holder, at_least, over };
                    ask(&self.fleet, machine, order).await
                }
            };
            if let Ok(answer) = answer {
                return Some(answer);
            }
        }
        None
    }

    /// Goes over to the Lease once it can be had. Who holds it meanwhile is either gone or has taken over.
    fn meet(&mut self, answer: Option<LockAnswer>) -> Result<()> {
        match answer {
            Some(LockAnswer::Ours { .. }) => self.lease = Lease::Ours,
            Some(LockAnswer::Theirs { holder, record, seconds, .. }) => {
                match self.watch.look(&record, Duration::from_secs(seconds)) {
                    Life::Unknown => {}
                    Life::Lives => return Err(taken_over(&holder)),
                    Life::Silent(_) => self.over = Some(record),
                }
            }
            Some(LockAnswer::Passed { epoch }) => return Err(passed(epoch)),
            None => {}
        }
        Ok(())
    }
}

fn unconfirmed() -> Problem {
    Problem::new(
        Class::Connection,
        format!(
            "the cluster's lock could not be confirmed for {} s, so this run has stopped",
            TERM.as_secs()
        ),
    )
    .remedy("look at the connections to the control planes, then run the same command again")
}
