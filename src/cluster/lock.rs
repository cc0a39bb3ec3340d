//! The operator's hold on a cluster: every control plane's own lock, one after the other by name, and the cluster's Lease
//! where its API answers. Kept by confirming all of them every few seconds; lost when another run has one of them.
//!
//! Both are taken always, so that there is no gap where a cluster gets its API, and none where it goes with `delete`.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fleet::Fleet;
use super::keep;
use super::watch::{Life, Watch};
use crate::error::{Class, Problem, Result};
use crate::model::{Holder, MachineName};
use crate::wire::{
    AcquireLock, Ask, HeedEpoch, Keeper, LockAnswer, LockRecord, Moment, ReleaseLock, RenewLock,
};

/// How long one answer may take.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How often a lock that somebody has is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many terms a machine's lock may stay held by somebody who is silent: the agent there has to notice, and to end.
const TERMS_OF_SILENCE: u32 = 2;

/// Who keeps the locks of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keepers {
    /// The control planes that answer, or the other machines where there is none; their order is that in which everybody takes
    /// their locks.
    pub locked: BTreeSet<MachineName>,
    /// Those of them through which the API answers now. None is a cluster without an API.
    pub api: BTreeSet<MachineName>,
    /// The other machines of the cluster, which only have to know whom to obey.
    pub others: BTreeSet<MachineName>,
    /// The newest epoch that any of the machines has shown.
    pub newest: u64,
}

/// How long somebody else's run is waited for once it is known to live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience(pub Duration);

/// A cluster's lock, held until it is released. Dropped without that, it goes with the connections.
pub struct Lock {
    fleet: Fleet,
    keepers: Keepers,
    keeping: JoinHandle<()>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl Lock {
    /// Takes the lock, waiting for a holder that is silent until it is known to be gone, and for one that lives as long as
    /// `patience` says. `hear` is told whom is waited for. When the lock is lost later, `lost` is cancelled and
    /// the fleet's tenure says why.
    ///
    /// # Errors
    /// Class `Busy` with the holder: who, from where, what and since when.
    pub async fn take(
        fleet: &Fleet,
        keepers: Keepers,
        holder: Holder,
        patience: Patience,
        hear: &(dyn Fn(&Holder) + Sync),
        lost: CancellationToken,
    ) -> Result<Self> {
        let taking = Taking { fleet, holder: &holder, give_up: Instant::now() + patience.0, hear };
        let asked = Moment::now();
        let taken = taking.all(&keepers).await;
        let epoch = match taken {
            Ok(epoch) => epoch,
            Err(problem) => {
                release(fleet, &keepers).await;
                return Err(problem);
            }
        };
        fleet.tenure().hold(epoch, asked);
        let told = taking.tell_machines(&keepers).await;
        let keeping = tokio::spawn(keep::keep(fleet.clone(), keepers.clone(), holder, lost));
        let lock = Self { fleet: fleet.clone(), keepers, keeping };
        match told {
            Ok(()) => Ok(lock),
            Err(problem) => {
                lock.release().await;
                Err(problem)
            }
        }
    }

    /// Gives the lock back. Machines that are not connected any more need not be told.
    pub async fn release(self) {
        self.keeping.abort();
        release(&self.fleet, &self.keepers).await;
        self.fleet.tenure().end();
    }
}

/// Gives back what can be given back at once; the rest ends by itself.
async fn release(fleet: &Fleet, keepers: &Keepers) {
    let lease = async {
        for machine in &keepers.locked {
            let Some(agent) = fleet.connected(machine) else { continue };
            let order = ReleaseLock { keeper: Keeper::Lease };
            if let Ok(Ok(())) = tokio::time::timeout(ANSWER_DEADLINE, agent.ask(order)).await {
                return;
            }
        }
    };
    lease.await;
    let own = keepers.locked.iter().filter_map(|name| fleet.connected(name)).map(|agent| async move {
        let order = ReleaseLock { keeper: Keeper::Machine };
        let _ = tokio::time::timeout(ANSWER_DEADLINE, agent.ask(order)).await;
    });
    join_all(own).await;
}

/// Asks a machine, within the deadline.
pub(super) async fn ask<A: Ask>(fleet: &Fleet, machine: &MachineName, order: A) -> Result<A::Reply> {
    let answer = async { fleet.agent(machine).await?.ask(order).await };
    let late = |_| {
        let message = format!("no answer in {} s", ANSWER_DEADLINE.as_secs());
        Err(Problem::new(Class::Connection, message))
    };
    let answered = tokio::time::timeout(ANSWER_DEADLINE, answer).await.unwrap_or_else(late);
    answered.map_err(|problem| problem.on(machine))
}

struct Taking<'a> {
    fleet: &'a Fleet,
    holder: &'a Holder,
    give_up: Instant,
    hear: &'a (dyn Fn(&Holder) + Sync),
}

impl Taking<'_> {
    /// Takes all there is and returns the epoch that begins.
    async fn all(&self, keepers: &Keepers) -> Result<u64> {
        let mut newest = keepers.newest;
        for machine in &keepers.locked {
            newest = newest.max(self.one(Keeper::Machine, &[machine], 0).await?);
        }
        let through: Vec<&MachineName> = keepers.api.iter().collect();
        if through.is_empty() {
            return Ok(newest + 1);
        }
        self.one(Keeper::Lease, &through, newest + 1).await
    }

    /// Takes one lock, which any of these machines can be asked for, and returns the epoch that comes with it.
    async fn one(&self, keeper: Keeper, through: &[&MachineName], at_least: u64) -> Result<u64> {
        let mut watch = Watch::default();
        let mut over: Option<LockRecord> = None;
        let mut told = false;
        loop {
            let order = AcquireLock { keeper, holder: self.holder.clone(), at_least, over: over.take() };
            let (holder, record, seconds) = match self.ask_any(through, &order).await? {
                LockAnswer::Ours { epoch } | LockAnswer::Passed { epoch } => return Ok(epoch),
                LockAnswer::Theirs { holder, record, seconds, .. } => (holder, record, seconds),
            };
            if !told {
                (self.hear)(&holder);
                told = true;
            }
            let term = Duration::from_secs(seconds);
            match watch.look(&record, term) {
                Life::Lives if Instant::now() >= self.give_up => return Err(busy(&holder)),
                Life::Silent(_) if keeper == Keeper::Lease => over = Some(record),
                Life::Silent(silent) if silent > term * TERMS_OF_SILENCE => {
                    return Err(stuck(&holder, silent));
                }
                Life::Unknown | Life::Lives | Life::Silent(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn ask_any(&self, through: &[&MachineName], order: &AcquireLock) -> Result<LockAnswer> {
        let mut last = Problem::new(Class::Internal, "no machine keeps the cluster's lock");
        for machine in through {
            match ask(self.fleet, machine, order.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(problem) => last = problem,
            }
        }
        Err(last)
    }

    /// Tells every machine whom to obey from now on. One that does not answer hears it with its first order.
    async fn tell_machines(&self, keepers: &Keepers) -> Result<()> {
        let own = keepers.locked.iter().map(|machine| async move {
            let order = RenewLock { keeper: Keeper::Machine, holder: self.holder.clone() };
            match ask(self.fleet, machine, order).await? {
                LockAnswer::Ours { .. } => Ok(()),
                LockAnswer::Theirs { holder, .. } => Err(busy(&holder).on(machine)),
                LockAnswer::Passed { epoch } => Err(passed(epoch).on(machine)),
            }
        });
        let others = keepers.others.iter().map(|machine| ask(self.fleet, machine, HeedEpoch {}));
        let (own, _) = tokio::join!(join_all(own), join_all(others));
        own.into_iter().collect()
    }
}

/// Somebody is at work.
fn busy(holder: &Holder) -> Problem {
    Problem::new(Class::Busy, "somebody else is at work on the cluster").saw(holder).remedy(
        "wait until that run ends, or stop it where it was started; `--wait-for-lock 10m` waits by itself",
    )
}

/// Somebody is gone, and a machine does not notice.
fn stuck(holder: &Holder, silent: Duration) -> Problem {
    Problem::new(
        Class::Busy,
        "the cluster is locked by a run that is silent, and a machine does not let go of it",
    )
    .saw(holder)
    .saw(format!("silent for {} s", silent.as_secs()))
    .remedy("end the processes `sealift agent` on that machine, then run the same command again")
}

/// Another run has taken over.
pub(super) fn taken_over(holder: &Holder) -> Problem {
    Problem::new(Class::Busy, "another run has taken the cluster over while this one was silent")
        .saw(holder)
        .remedy("what this run began on machines ends there by itself; wait for the other one before you start again")
}

/// Another run has taken over, and has ended.
pub(super) fn passed(epoch: u64) -> Problem {
    Problem::new(Class::Busy, "another run has worked on the cluster while this one was silent")
        .saw(format!("it has ended; its lock was of epoch {epoch}"))
        .remedy("run the same command again: it looks what is there and goes on")
}

#[cfg(test)]
mod tests;
