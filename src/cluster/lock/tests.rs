//! Two operators' locks against machines and a Lease that are played here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::{Arch, BoxFuture};
use crate::remote::{AgentSource, Machine, ScriptedMachine};
use crate::wire::{CallContext, Envelope, Handler, Request, TERM, serve};

/// What one keeper of a lock knows.
#[derive(Debug, Default)]
struct Kept {
    held: Option<(Holder, usize)>,
    version: u64,
    newest: u64,
}

impl Kept {
    fn theirs(&self, run: &str) -> Option<LockAnswer> {
        let (holder, _) = self.held.as_ref().filter(|(holder, _)| holder.run != run)?;
        let record = LockRecord(self.version.to_string());
        let seconds = TERM.as_secs();
        Some(LockAnswer::Theirs { holder: Box::new(holder.clone()), record, seconds, epoch: self.newest })
    }

    fn hold(&mut self, holder: Holder, connection: usize) {
        self.held = Some((holder, connection));
        self.version += 1;
    }
}

/// Three control planes and a Lease.
#[derive(Clone, Default)]
struct Ground(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    machines: BTreeMap<String, Kept>,
    lease: Kept,
    api: bool,
    connections: usize,
}

impl Ground {
    fn with_api() -> Self {
        let ground = Self::default();
        ground.change(|state| state.api = true);
        ground
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn fleet(&self, run: &str) -> Fleet {
        let machines = ["a", "b", "c"].map(|name| -> Box<dyn Machine> {
            let ground = self.clone();
            let play = move |agent: crate::remote::ScriptedAgent| -> Result<BoxFuture<'static, ()>> {
                let connection = ground.change(|state| {
                    state.connections += 1;
                    state.connections
                });
                let (ground, name) = (ground.clone(), name.to_owned());
                Ok(Box::pin(async move {
                    let handler = Agent { ground: ground.clone(), name: name.clone(), connection };
                    serve(agent.input, agent.output, Arc::new(handler)).await;
                    ground.change(|state| {
                        let kept = state.machines.entry(name).or_default();
                        kept.held.take_if(|(_, holds)| *holds == connection);
                    });
                }))
            };
            Box::new(ScriptedMachine::new(MachineName(name.into()), [10, 0, 0, 1].into(), play))
        });
        Fleet::new(machines.into(), Arc::new(NoAgents), run)
    }

    fn keepers(&self) -> Keepers {
        let all: BTreeSet<MachineName> = ["a", "b", "c"].map(|name| MachineName(name.into())).into();
        let api = if self.change(|state| state.api) { all.clone() } else { BTreeSet::new() };
        Keepers { locked: all, api, others: BTreeSet::new(), newest: 0 }
    }

    fn holders(&self) -> Vec<Option<String>> {
        self.change(|state| {
            let kept = state.machines.values().chain([&state.lease]);
            kept.map(|kept| kept.held.as_ref().map(|(holder, _)| holder.run.clone())).collect()
        })
    }
}

struct NoAgents;

impl AgentSource for NoAgents {
    fn binary(&self, _: Arch) -> Result<PathBuf> {
        Err(Problem::new(Class::Config, "no agent"))
    }
}

struct Agent {
    ground: Ground,
    name: String,
    connection: usize,
}

impl Agent {
    fn answer(&self, envelope: Envelope) -> Result<LockAnswer> {
        let run = envelope.run.clone();
        self.ground.change(|state| {
            let (keeper, api) = match &envelope.request {
                Request::AcquireLock(order) => (order.keeper, state.api),
                Request::RenewLock(order) => (order.keeper, state.api),
                Request::ReleaseLock(order) => (order.keeper, state.api),
                other => panic!("{other:?}"),
            };
            if keeper == Keeper::Lease && !api {
                return Err(Problem::new(Class::Kubernetes, "no API"));
            }
            let kept = match keeper {
                Keeper::Machine => state.machines.entry(self.name.clone()).or_default(),
                Keeper::Lease => &mut state.lease,
            };
            match envelope.request {
                Request::AcquireLock(order) => {
                    let over = order.over.is_some_and(|over| over.0 == kept.version.to_string());
                    if let Some(theirs) = kept.theirs(&run).filter(|_| !over) {
                        return Ok(theirs);
                    }
                    kept.hold(order.holder, self.connection);
                    if keeper == Keeper::Lease {
                        kept.newest = order.at_least.max(kept.newest + 1);
                    }
                    Ok(LockAnswer::Ours { epoch: kept.newest })
                }
                Request::RenewLock(order) => {
                    if let Some(theirs) = kept.theirs(&run) {
                        return Ok(theirs);
                    }
                    if kept.newest > envelope.epoch {
                        return Ok(LockAnswer::Passed { epoch: kept.newest });
                    }
                    kept.newest = envelope.epoch;
                    kept.hold(order.holder, self.connection);
                    Ok(LockAnswer::Ours { epoch: envelope.epoch })
                }
                _ => {
                    kept.held.take_if(|(holder, _)| holder.run == run);
                    Ok(LockAnswer::Ours { epoch: 0 })
                }
            }
        })
    }
}

impl Handler for Agent {
    fn handle(&self, envelope: Envelope, _: CallContext) -> BoxFuture<'_, Result<serde_json::Value>> {
        let nothing = matches!(envelope.request, Request::ReleaseLock(_));
        let answer = self.answer(envelope);
        Box::pin(async move {
            let answer = answer?;
            Ok(if nothing { serde_json::Value::Null } else { serde_json::to_value(answer).unwrap() })
        })
    }
}

fn holder(run: &str) -> Holder {
    Holder {
        user: "root".to_owned(),
        host: "desk".to_owned(),
        process: 1,
        address: None,
        run: run.to_owned(),
        command: "apply".to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
    }
}

async fn take(
    ground: &Ground,
    fleet: &Fleet,
    run: &str,
    patience: Duration,
) -> (Result<Lock>, CancellationToken) {
    let lost = CancellationToken::new();
    let lock = Lock::take(fleet, ground.keepers(), holder(run), Patience(patience), &|_| {}, lost.clone());
    (lock.await, lost)
}

const LONG: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn the_second_is_told_who_is_at_work_and_leaves_everything_alone() {
    let ground = Ground::with_api();
    let (one, two) = (ground.fleet("one"), ground.fleet("two"));
    let (lock, lost) = take(&ground, &one, "one", Duration::ZERO).await;
    let lock = lock.unwrap();
    let began = Instant::now();
    let problem = take(&ground, &two, "two", Duration::ZERO).await.0.map(drop).unwrap_err();
    assert_eq!(
        (problem.class, problem.seen.as_slice()),
        (Class::Busy, [holder("one").to_string()].as_slice())
    );
    assert!(began.elapsed() < TERM, "a holder that lives is known by its next confirmation");
    assert_eq!((one.tenure().epoch(), two.tenure().epoch()), (1, 0));
    tokio::time::sleep(TERM * 10).await;
    assert!(!lost.is_cancelled());
    lock.release().await;
    assert_eq!(ground.holders(), [None, None, None, None]);
    let (lock, _) = take(&ground, &two, "two", Duration::ZERO).await;
    assert_eq!((lock.is_ok(), two.tenure().epoch()), (true, 2));
}

#[tokio::test(start_paused = true)]
async fn who_has_patience_goes_next() {
    let ground = Ground::with_api();
    let (one, two) = (ground.fleet("one"), ground.fleet("two"));
    let lock = take(&ground, &one, "one", Duration::ZERO).await.0.unwrap();
    let work = async {
        tokio::time::sleep(TERM * 5).await;
        lock.release().await;
    };
    let ((), (lock, _)) = tokio::join!(work, take(&ground, &two, "two", LONG));
    assert_eq!((lock.is_ok(), two.tenure().epoch()), (true, 2));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_sleeps_is_replaced_and_told_when_it_wakes() {
    let ground = Ground::with_api();
    let (one, two) = (ground.fleet("one"), ground.fleet("two"));
    let lock = take(&ground, &one, "one", Duration::ZERO).await.0.unwrap();
    // It sleeps: nothing is confirmed, and in time its agents notice.
    lock.keeping.abort();
    let agents = async {
        tokio::time::sleep(TERM).await;
        ground.change(|state| state.machines.values_mut().for_each(|kept| kept.held = None));
    };
    let ((), (second, _)) = tokio::join!(agents, take(&ground, &two, "two", Duration::ZERO));
    let second = second.unwrap();
    let lost = CancellationToken::new();
    tokio::spawn(keep::keep(one.clone(), ground.keepers(), holder("one"), lost.clone()));
    lost.cancelled().await;
    let problem = one.tenure().lost().unwrap();
    assert_eq!((problem.class, problem.seen), (Class::Busy, vec![holder("two").to_string()]));
    second.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_died_is_replaced_at_once_but_for_its_lease() {
    let ground = Ground::with_api();
    let (one, two) = (ground.fleet("one"), ground.fleet("two"));
    drop(take(&ground, &one, "one", Duration::ZERO).await.0.unwrap());
    drop(one);
    let began = Instant::now();
    assert!(take(&ground, &two, "two", Duration::ZERO).await.0.is_ok());
    assert!(began.elapsed() > TERM && began.elapsed() < TERM * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_taken_once_there_is_an_api() {
    let ground = Ground::default();
    let (one, two) = (ground.fleet("one"), ground.fleet("two"));
    let lock = take(&ground, &one, "one", Duration::ZERO).await.0.unwrap();
    ground.change(|state| state.api = true);
    // Whoever comes now, before the Lease is there, meets the machines' locks.
    let second = take(&ground, &two, "two", Duration::ZERO).await.0.map(drop);
    assert_eq!(second.unwrap_err().class, Class::Busy);
    tokio::time::sleep(TERM).await;
    assert_eq!(ground.holders()[3].as_deref(), Some("one"));
    assert_eq!((one.tenure().epoch(), ground.change(|state| state.lease.newest)), (1, 1));
    // And an API that goes, as with `delete`, leaves the machines' locks.
    ground.change(|state| state.api = false);
    tokio::time::sleep(TERM * 3).await;
    assert_eq!(one.tenure().lost(), None);
    lock.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_confirmed_ends_the_run() {
    let ground = Ground::with_api();
    let one = ground.fleet("one");
    let (lock, lost) = take(&ground, &one, "one", Duration::ZERO).await;
    let _lock = lock.unwrap();
    let began = Instant::now();
    ground.change(|state| {
        state.api = false;
        state.machines.values_mut().for_each(|kept| kept.held = Some((holder("nobody"), 0)));
    });
    lost.cancelled().await;
    assert!(began.elapsed() >= TERM, "{:?}", began.elapsed());
    assert_eq!(one.tenure().lost().unwrap().class, Class::Connection);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_no_machine_keeps_is_not_lost() {
    let one = Ground::default().fleet("one");
    let lost = CancellationToken::new();
    let (patience, hear) = (Patience::default(), |_: &Holder| {});
    let lock =
        Lock::take(&one, Keepers::default(), holder("one"), patience, &hear, lost.clone()).await.unwrap();
    tokio::time::sleep(TERM * 3).await;
    assert!(!lost.is_cancelled());
    lock.release().await;
}

#[tokio::test(start_paused = true)]
async fn machines_that_are_let_go_are_not_asked_for_the_lock_again() {
    let ground = Ground::default();
    let one = ground.fleet("one");
    let lost = CancellationToken::new();
    let hear = |_: &Holder| {};
    let taking = Lock::take(&one, ground.keepers(), holder("one"), Patience::default(), &hear, lost.clone());
    let lock = taking.await.unwrap();
    for name in ["a", "b", "c"] {
        one.let_go(&MachineName(name.into()));
    }
    ground.change(|state| state.machines.clear());
    tokio::time::sleep(TERM * 3).await;
    assert!(ground.change(|state| state.machines.is_empty()), "{:?}", ground.holders());
    assert!(!lost.is_cancelled(), "none is left that somebody else could have");
    lock.release().await;
}

#[tokio::test(start_paused = true)]
async fn who_wakes_beside_dead_connections_still_hears_who_has_taken_over() {
    let ground = Ground::with_api();
    let one = ground.fleet("one");
    let (lock, lost) = take(&ground, &one, "one", Duration::ZERO).await;
    let _lock = lock.unwrap();
    ground.change(|state| {
        state.api = false;
        state.machines.values_mut().for_each(|kept| kept.held = Some((holder("nobody"), 0)));
    });
    tokio::time::sleep(TERM + Duration::from_secs(2)).await;
    ground.change(|state| {
        state.api = true;
        state.lease.newest = 2;
        state.lease.hold(holder("two"), 0);
    });
    lost.cancelled().await;
    let problem = one.tenure().lost().unwrap();
    assert_eq!((problem.class, problem.seen), (Class::Busy, vec![holder("two").to_string()]));
}
