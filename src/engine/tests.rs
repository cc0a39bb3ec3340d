//! Graphs run to their ends: the order, the limits, failures, the operator's stop.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::error::{Class, Problem, Result};
use crate::model::BoxFuture;

/// What a played step does when it acts.
type Behaviour = Box<dyn Fn() -> BoxFuture<'static, Result<Acted>> + Send + Sync>;

struct Played {
    title: String,
    machine: Option<String>,
    lane: Lane,
    availability: Availability,
    behaviour: Behaviour,
}

impl Step for Played {
    fn title(&self) -> String {
        self.title.clone()
    }
    fn machine(&self) -> Option<&str> {
        self.machine.as_deref()
    }
    fn lane(&self) -> Lane {
        self.lane
    }
    fn availability(&self) -> Availability {
        self.availability
    }
    fn deadline(&self) -> Duration {
        Duration::from_mins(3)
    }
    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        (self.behaviour)()
    }
}

fn step(title: &str, act: impl Fn() -> Result<Acted> + Send + Sync + 'static) -> Box<dyn Step> {
    let act = Arc::new(act);
    Box::new(Played {
        title: title.to_owned(),
        machine: Some("m".to_owned()),
        lane: Lane::Work,
        availability: Availability::Kept,
        behaviour: Box::new(move || {
            let act = act.clone();
            Box::pin(async move { act() })
        }),
    })
}

fn good(title: &str) -> Box<dyn Step> {
    step(title, || Ok(Acted::Changed))
}

fn bad(title: &str) -> Box<dyn Step> {
    step(title, || Err(Problem::new(Class::Machine, "broken")))
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Observer for Recorder {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    fn begun(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        let started = events.iter().filter_map(|event| match event {
            Event::StepStarted { title, .. } => Some(title.clone()),
            _ => None,
        });
        started.collect()
    }
}

async fn run_as(graph: Graph, policy: Policy, cancel: CancellationToken) -> (Report, Vec<String>) {
    let recorder = Arc::new(Recorder::default());
    let report = execute(graph, policy, recorder.clone(), cancel).await;
    (report, recorder.begun())
}

async fn run(graph: Graph) -> (Report, Vec<String>) {
    run_as(graph, Policy::default(), CancellationToken::new()).await
}

#[tokio::test]
async fn a_failed_step_takes_only_what_needs_it_along() {
    let mut graph = Graph::default();
    let broken = graph.add(bad("prepare a"), vec![]);
    let fine = graph.add(good("prepare b"), vec![]);
    let join = graph.add(good("join a"), vec![Dependency::Needs(broken)]);
    graph.add(good("join b"), vec![Dependency::Needs(fine)]);
    graph.add(good("wait"), vec![Dependency::Follows(join), Dependency::Needs(fine)]);
    let (report, begun) = run(graph).await;
    assert!(matches!(report.outcomes[2], Outcome::Skipped { because: 1 }));
    assert_eq!(report.outcomes[4], Outcome::Done);
    assert!(!begun.contains(&"join a".to_owned()));
    assert_eq!(report.problems().len(), 1);
    assert_eq!(report.problems()[0].machine.as_deref(), Some("m"));
    assert_eq!(report.problems()[0].step.as_deref(), Some("prepare a"));
}

#[tokio::test]
async fn steps_run_in_the_order_of_their_dependencies() {
    let mut graph = Graph::default();
    let first = graph.add(good("first"), vec![]);
    let second = graph.add(good("second"), vec![Dependency::Needs(first)]);
    graph.add(good("third"), vec![Dependency::Needs(second), Dependency::Needs(first)]);
    assert_eq!(run(graph).await.1, ["first", "second", "third"]);
}

#[tokio::test(start_paused = true)]
async fn only_lost_connections_are_tried_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = tries.clone();
    let flaky = move || match seen.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Err(Problem::new(Class::Connection, "lost")),
        _ => Ok(Acted::Changed),
    };
    let mut graph = Graph::default();
    graph.add(step("flaky", flaky), vec![]);
    assert_eq!(run(graph).await.0.outcomes, [Outcome::Done]);
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn after_cancel_nothing_begins() {
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let mut graph = Graph::default();
    let stopping = move || {
        trigger.cancel();
        Ok(Acted::Changed)
    };
    let first = graph.add(step("first", stopping), vec![]);
    graph.add(good("second"), vec![Dependency::Needs(first)]);
    let (report, begun) = run_as(graph, Policy::default(), cancel).await;
    assert_eq!(report.outcomes[1], Outcome::Cancelled);
    assert!(report.was_cancelled());
    assert_eq!(begun, ["first"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_does_not_end_is_given_up_at_its_deadline() {
    let mut graph = Graph::default();
    let hanging = Played {
        title: "hang".to_owned(),
        machine: Some("m".to_owned()),
        lane: Lane::Work,
        availability: Availability::Kept,
        behaviour: Box::new(|| Box::pin(std::future::pending())),
    };
    let hangs = graph.add(Box::new(hanging), vec![]);
    graph.add(good("after it"), vec![Dependency::Follows(hangs)]);
    let (report, begun) = run(graph).await;
    let problem = &report.problems()[0];
    assert_eq!((problem.machine.as_deref(), problem.step.as_deref()), (Some("m"), Some("hang")));
    assert_eq!(problem.message, "it has not ended after 3 min");
    assert_eq!(begun, ["hang", "after it"]);
}

/// Says a word every two minutes, so many times, and then nothing more.
struct Talking {
    words: usize,
}

impl Step for Talking {
    fn title(&self) -> String {
        "talk".to_owned()
    }
    fn machine(&self) -> Option<&str> {
        None
    }
    fn deadline(&self) -> Duration {
        Duration::from_mins(3)
    }
    fn since(&self) -> Since {
        Since::TheLastWord
    }
    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            for _ in 0..self.words {
                tokio::time::sleep(Duration::from_mins(2)).await;
                progress.said("a word");
            }
            match self.words {
                0 => std::future::pending().await,
                _ => Ok(Acted::Changed),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_tells_how_far_it_is_may_take_its_time() {
    let mut graph = Graph::default();
    graph.add(Box::new(Talking { words: 100 }), vec![]);
    graph.add(Box::new(Talking { words: 0 }), vec![]);
    graph.add(Box::new(Talking { words: usize::MAX }), vec![]);
    let (report, _) = run(graph).await;
    assert_eq!(report.outcomes[0], Outcome::Done);
    assert_eq!(report.problems()[0].message, "it has not told anything for 3 min");
    assert_eq!(report.problems()[1].message, "it has not ended after 240 min", "it would talk for ever");
}

#[tokio::test]
async fn a_step_that_panics_is_a_located_problem_and_the_rest_goes_on() {
    let mut graph = Graph::default();
    let broken = graph.add(step("break", || panic!("at the disco")), vec![]);
    let needs = graph.add(good("needs it"), vec![Dependency::Needs(broken)]);
    graph.add(good("follows"), vec![Dependency::Follows(needs)]);
    let (report, begun) = run(graph).await;
    let problem = &report.problems()[0];
    assert_eq!((problem.class, problem.step.as_deref()), (Class::Internal, Some("break")));
    assert_eq!(problem.seen, ["at the disco"]);
    assert_eq!(report.outcomes[1], Outcome::Skipped { because: 1 });
    assert_eq!(begun, ["break", "follows"]);
}

#[tokio::test]
async fn when_asked_for_nothing_begins_after_a_failure() {
    let mut graph = Graph::default();
    let first = graph.add(good("first"), vec![]);
    graph.add(bad("second"), vec![]);
    graph.add(good("third"), vec![Dependency::Needs(first)]);
    let limits = Limits { machines: 1.try_into().unwrap(), ..Limits::default() };
    let policy = Policy { on_failure: OnFailure::BeginNothing, limits };
    let (report, begun) = run_as(graph, policy, CancellationToken::new()).await;
    assert_eq!(begun, ["first", "second"]);
    assert_eq!(report.outcomes[2], Outcome::Skipped { because: 2 });
}

#[tokio::test]
async fn machines_that_stay_unavailable_keep_the_others_from_it() {
    let interrupting = |machine: &str, result: Result<Acted>| {
        Box::new(Played {
            title: format!("restart {machine}"),
            machine: Some(machine.to_owned()),
            lane: Lane::Work,
            availability: Availability::Interrupted,
            behaviour: Box::new(move || {
                let result = result.clone();
                Box::pin(async { result })
            }),
        })
    };
    let broken = || Err(Problem::new(Class::Machine, "broken"));
    let mut graph = Graph::default();
    graph.add(interrupting("a", Ok(Acted::Changed)), vec![]);
    graph.add(interrupting("b", broken()), vec![]);
    graph.add(interrupting("c", Ok(Acted::Changed)), vec![]);
    let needing = graph.add(interrupting("d", Ok(Acted::Changed)), vec![]);
    graph.add(good("after d"), vec![Dependency::Needs(needing)]);
    graph.add(interrupting("b", Ok(Acted::Changed)), vec![]);
    graph.add(good("something else"), vec![]);
    let limits = Limits { unavailable: 1.try_into().ok(), ..Limits::default() };
    let policy = Policy { limits, ..Policy::default() };
    let (report, begun) = run_as(graph, policy, CancellationToken::new()).await;
    let begun: std::collections::BTreeSet<&str> = begun.iter().map(String::as_str).collect();
    assert_eq!(begun, ["restart a", "restart b", "something else"].into());
    for skipped in [2, 3] {
        assert_eq!(report.outcomes[skipped], Outcome::Skipped { because: 2 });
    }
    assert_eq!(report.outcomes[4], Outcome::Skipped { because: 4 });
    assert_eq!(report.outcomes[5], Outcome::Done, "what is unavailable already may be worked on");
}

/// One step of a random graph.
#[derive(Debug, Clone)]
struct Drawn {
    machine: Option<u8>,
    bytes: Option<u64>,
    interrupts: bool,
    fate: Fate,
    milliseconds: u64,
    after: Vec<(usize, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Succeeds,
    Fails,
    Panics,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let fate = prop_oneof![8 => Just(Fate::Succeeds), 2 => Just(Fate::Fails), 1 => Just(Fate::Panics)];
    let after = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4);
    (
        prop::option::weighted(0.9, 0..5_u8),
        prop::option::weighted(0.3, 1..100_u64),
        any::<bool>(),
        fate,
        1..50_u64,
        after,
    )
        .prop_map(|(machine, bytes, interrupts, fate, milliseconds, after)| Drawn {
            machine,
            bytes,
            interrupts,
            fate,
            milliseconds,
            after: after.into_iter().map(|(index, needs)| (index.index(usize::MAX), needs)).collect(),
        })
}

fn drawn_graph() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec(drawn(), 1..25).prop_map(|mut steps| {
        for (index, step) in steps.iter_mut().enumerate() {
            match index {
                0 => step.after.clear(),
                _ => step.after.iter_mut().for_each(|(earlier, _)| *earlier %= index),
            }
        }
        steps
    })
}

fn drawn_policy() -> impl Strategy<Value = Policy> {
    let unavailable = prop::option::of(1..4_usize);
    (1..6_usize, 1..4_usize, 1..200_u64, unavailable, any::<bool>()).prop_map(
        |(machines, transfers, bytes, unavailable, fail_fast)| Policy {
            limits: Limits {
                machines: machines.try_into().unwrap(),
                transfers: transfers.try_into().unwrap(),
                bytes,
                unavailable: unavailable.and_then(|count| count.try_into().ok()),
            },
            on_failure: if fail_fast { OnFailure::BeginNothing } else { OnFailure::GoOn },
        },
    )
}

/// What goes on in a run of a drawn graph, looked at by its own steps.
struct Watch {
    steps: Vec<Drawn>,
    policy: Policy,
    now: Mutex<Now>,
    cancel: CancellationToken,
    /// The operator stops the run when this step ends.
    stop_after: Option<usize>,
}

#[derive(Default)]
struct Now {
    running: Vec<usize>,
    ended: Vec<usize>,
    times: Vec<usize>,
    wrong: Vec<String>,
    begun_after_stop: bool,
    stopped: bool,
}

impl Watch {
    fn succeeded(&self, now: &Now, index: usize) -> bool {
        now.ended.contains(&index) && self.steps[index].fate == Fate::Succeeds
    }

    fn begin(&self, index: usize) {
        let mut now = self.now.lock().unwrap();
        now.times[index] += 1;
        now.begun_after_stop |= now.stopped;
        for (earlier, needs) in &self.steps[index].after {
            if *needs && !self.succeeded(&now, *earlier) {
                now.wrong.push(format!("step {index} ran without {earlier}"));
            }
            if !*needs && now.times[*earlier] > 0 && !now.ended.contains(earlier) {
                now.wrong.push(format!("step {index} ran beside {earlier}"));
            }
        }
        let failed = |ended: &usize| self.steps[*ended].fate != Fate::Succeeds;
        now.running.push(index);
        let running = || now.running.iter().map(|running| &self.steps[*running]);
        let Limits { machines, transfers, bytes, unavailable } = self.policy.limits;
        let sending: Vec<u64> = running().filter_map(|step| step.bytes).collect();
        let interrupted: std::collections::BTreeSet<u8> = running()
            .chain(now.ended.iter().filter(|ended| failed(ended)).map(|ended| &self.steps[*ended]))
            .filter(|step| step.interrupts)
            .filter_map(|step| step.machine)
            .collect();
        let broken = [
            running().filter(|step| step.machine.is_some()).count() > machines.get(),
            sending.len() > transfers.get(),
            sending.len() > 1 && sending.iter().sum::<u64>() > bytes,
            // A step on a machine that failed others without interrupting it is of no interest here.
            unavailable.is_some_and(|most| interrupted.len() > most.get()),
        ];
        if broken.contains(&true) {
            now.wrong.push(format!("limits at the begin of step {index}: {broken:?}"));
        }
    }

    fn end(&self, index: usize) {
        let mut now = self.now.lock().unwrap();
        now.running.retain(|running| *running != index);
        now.ended.push(index);
        if self.stop_after == Some(index) {
            now.stopped = true;
            self.cancel.cancel();
        }
    }
}

fn graph_of(watch: &Arc<Watch>) -> Graph {
    let mut graph = Graph::default();
    for (index, drawn) in watch.steps.iter().enumerate() {
        let (watch, fate, pause) = (watch.clone(), drawn.fate, Duration::from_millis(drawn.milliseconds));
        let behaviour: Behaviour = Box::new(move || {
            let watch = watch.clone();
            Box::pin(async move {
                watch.begin(index);
                tokio::time::sleep(pause).await;
                watch.end(index);
                match fate {
                    Fate::Succeeds => Ok(Acted::Changed),
                    Fate::Fails => Err(Problem::new(Class::Machine, "broken")),
                    Fate::Panics => panic!("broken"),
                }
            })
        });
        let after = drawn.after.iter().map(|(earlier, needs)| match needs {
            true => Dependency::Needs(earlier + 1),
            false => Dependency::Follows(earlier + 1),
        });
        let step = Played {
            title: format!("step {index}"),
            machine: drawn.machine.map(|machine| format!("machine {machine}")),
            lane: drawn.bytes.map_or(Lane::Work, |bytes| Lane::Transfer { bytes }),
            availability: if drawn.interrupts { Availability::Interrupted } else { Availability::Kept },
            behaviour,
        };
        graph.add(Box::new(step), after.collect());
    }
    graph
}

/// Runs a drawn graph on a clock of its own.
fn play(steps: Vec<Drawn>, policy: Policy, stop_after: Option<usize>) -> (Report, Arc<Watch>) {
    let now = Mutex::new(Now { times: vec![0; steps.len()], ..Now::default() });
    let cancel = CancellationToken::new();
    let watch = Arc::new(Watch { steps, policy, now, cancel: cancel.clone(), stop_after });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let report =
        runtime.unwrap().block_on(execute(graph_of(&watch), policy, Arc::new(Recorder::default()), cancel));
    (report, watch)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_step_runs_once_after_its_needs_and_within_the_limits(steps in drawn_graph(), policy in drawn_policy()) {
        let (report, watch) = play(steps, policy, None);
        let now = watch.now.lock().unwrap();
        prop_assert_eq!(&now.wrong, &Vec::<String>::new());
        for (index, outcome) in report.outcomes.iter().enumerate() {
            let ran = match outcome {
                Outcome::Done => watch.steps[index].fate == Fate::Succeeds,
                Outcome::Failed { .. } => watch.steps[index].fate != Fate::Succeeds,
                Outcome::Skipped { .. } => false,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(now.times[index], usize::from(ran), "step {}: {:?}", index, outcome);
        }
    }

    #[test]
    fn failures_skip_exactly_what_needs_them(steps in drawn_graph(), policy in drawn_policy()) {
        let limits = Limits { unavailable: None, ..policy.limits };
        let (report, watch) = play(steps, Policy { limits, on_failure: OnFailure::GoOn }, None);
        let mut lost: Vec<bool> = Vec::new();
        for (index, step) in watch.steps.iter().enumerate() {
            let skipped = step.after.iter().any(|(earlier, needs)| *needs && lost[*earlier]);
            lost.push(skipped || step.fate != Fate::Succeeds);
            let outcome = &report.outcomes[index];
            prop_assert_eq!(matches!(outcome, Outcome::Skipped { .. }), skipped, "step {}: {:?}", index, outcome);
        }
    }

    #[test]
    fn what_too_many_unavailable_machines_hold_back_would_have_made_one_more(
        steps in drawn_graph(), policy in drawn_policy(), most in 1..3_usize
    ) {
        let limits = Limits { unavailable: most.try_into().ok(), ..policy.limits };
        let (report, watch) = play(steps, Policy { limits, on_failure: OnFailure::GoOn }, None);
        let failed = |index: usize| matches!(report.outcomes[index], Outcome::Failed { .. });
        for (index, outcome) in report.outcomes.iter().enumerate() {
            let Outcome::Skipped { because } = outcome else { continue };
            let because = because - 1;
            let step = &watch.steps[index];
            let lost = |earlier: usize| failed(earlier) || matches!(report.outcomes[earlier], Outcome::Skipped { .. });
            let needs_it = step.after.contains(&(because, true)) && lost(because);
            let broken: std::collections::BTreeSet<_> = watch.steps.iter().enumerate()
                .filter(|(other, step)| step.interrupts && failed(*other))
                .filter_map(|(_, step)| step.machine).collect();
            let held_back = step.interrupts && failed(because) && broken.len() >= most;
            prop_assert!(needs_it || held_back, "step {} skipped because of {}", index, because);
        }
    }

    #[test]
    fn after_the_first_failure_nothing_begins_where_that_is_asked_for(steps in drawn_graph(), policy in drawn_policy()) {
        let (report, watch) = play(steps, Policy { on_failure: OnFailure::BeginNothing, ..policy }, None);
        let now = watch.now.lock().unwrap();
        let failed = |index: usize| matches!(report.outcomes[index], Outcome::Failed { .. });
        let Some(first) = now.ended.iter().copied().find(|index| failed(*index)) else {
            prop_assert!(report.outcomes.iter().all(Outcome::is_success));
            return Ok(());
        };
        for outcome in &report.outcomes {
            if let Outcome::Skipped { because } = outcome {
                prop_assert_eq!(*because, first + 1);
            }
        }
    }

    #[test]
    fn after_a_stop_nothing_begins(steps in drawn_graph(), policy in drawn_policy(), at in any::<prop::sample::Index>()) {
        let stop_after = at.index(steps.len());
        let (report, watch) = play(steps, policy, Some(stop_after));
        let now = watch.now.lock().unwrap();
        prop_assert!(!now.begun_after_stop);
        prop_assert_eq!(report.outcomes.len(), watch.steps.len());
        for (index, outcome) in report.outcomes.iter().enumerate() {
            if let Outcome::Skipped { because } = outcome {
                prop_assert_ne!(&report.outcomes[because - 1], &Outcome::Cancelled);
            }
            let tried = !matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled);
            prop_assert!(now.times[index] <= 1 && (!tried || now.times[index] == 1));
        }
    }
}
