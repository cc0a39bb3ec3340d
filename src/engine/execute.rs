//! Runs a graph to its end: every step as early as its dependencies and the limits let it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Observer, Outcome, StepNumber};
use super::graph::{Dependency, Graph, Node};
use super::step::{Acted, Lane, Progress};
use crate::error::{Class, Problem};

/// How many steps may run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps that work on machines.
    pub work: usize,
    /// Steps that send bytes.
    pub transfers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { work: 64, transfers: 16 }
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// Each step's end, in the order of the plan.
    pub outcomes: Vec<Outcome>,
    /// Each step's duration; zero for one that was not tried.
    pub durations: Vec<Duration>,
    /// From the first step's begin to the last one's end.
    pub duration: Duration,
}

impl Report {
    /// Returns what failed, in the order of the plan.
    pub fn problems(&self) -> Vec<Problem> {
        self.outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Failed { problem } => Some(problem.clone()),
                _ => None,
            })
            .collect()
    }

    /// Tells whether the operator stopped it.
    pub fn was_cancelled(&self) -> bool {
        self.outcomes.contains(&Outcome::Cancelled)
    }
}

/// Runs `graph`. After `cancel` no step begins; a running one is let go, as its machine finishes it alone.
pub async fn execute(
    graph: Graph,
    limits: Limits,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Report {
    let began = Instant::now();
    let count = graph.len();
    let lanes = Lanes::new(limits);
    let mut waiting: HashMap<StepNumber, Node> =
        graph.nodes.into_iter().enumerate().map(|(i, n)| (i + 1, n)).collect();
    let mut ended: HashMap<StepNumber, (Outcome, Duration)> = HashMap::new();
    let mut running = JoinSet::new();
    loop {
        start_or_skip(&mut waiting, &mut ended, &mut running, &lanes, &observer, &cancel);
        let Some(joined) = running.join_next().await else { break };
        match joined {
            Ok((number, outcome, duration)) => {
                ended.insert(number, (outcome, duration));
            }
            // A panic in a step is a defect; the others still run to their ends.
            Err(error) => {
                observer.event(&Event::StepSaid { step: 0, line: format!("a step broke: {error}") });
            }
        }
    }
    let (outcomes, durations): (Vec<_>, Vec<_>) =
        (1..=count).map(|number| ended.remove(&number).unwrap_or_else(|| (broken(), Duration::ZERO))).unzip();
    let report = Report { outcomes, durations, duration: began.elapsed() };
    observer.event(&finished(&report));
    report
}

fn broken() -> Outcome {
    Outcome::Failed { problem: Problem::new(Class::Internal, "the step broke off without a result") }
}

fn finished(report: &Report) -> Event {
    let count =
        |wanted: fn(&Outcome) -> bool| report.outcomes.iter().filter(|outcome| wanted(outcome)).count();
    Event::RunFinished {
        seconds: report.duration.as_secs_f64(),
        succeeded: count(|outcome| matches!(outcome, Outcome::Done | Outcome::AlreadyDone)),
        failed: count(|outcome| matches!(outcome, Outcome::Failed { .. })),
        left: count(|outcome| matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled)),
    }
}

/// What stands between a waiting step and its start.
enum Readiness {
    Ready,
    NotYet,
    Never(StepNumber),
}

fn readiness(node: &Node, ended: &HashMap<StepNumber, (Outcome, Duration)>) -> Readiness {
    let mut answer = Readiness::Ready;
    for dependency in &node.after {
        match (dependency, ended.get(&dependency.step())) {
            (_, None) => answer = Readiness::NotYet,
            (Dependency::Needs(step), Some((outcome, _))) if !succeeded(outcome) => {
                return Readiness::Never(*step);
            }
            _ => {}
        }
    }
    answer
}

fn succeeded(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done | Outcome::AlreadyDone)
}

type Ended = (StepNumber, Outcome, Duration);

/// Starts what can start and ends what never can, until nothing of either is left.
fn start_or_skip(
    waiting: &mut HashMap<StepNumber, Node>,
    ended: &mut HashMap<StepNumber, (Outcome, Duration)>,
    running: &mut JoinSet<Ended>,
    lanes: &Lanes,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) {
    let mut numbers: Vec<StepNumber> = waiting.keys().copied().collect();
    numbers.sort_unstable();
    // Dependencies point backwards, so one pass in order sees the end of everything it skips.
    for number in numbers {
        let verdict = if cancel.is_cancelled() { None } else { Some(readiness(&waiting[&number], ended)) };
        let outcome = match verdict {
            Some(Readiness::NotYet) => continue,
            Some(Readiness::Ready) => {
                if let Some(node) = waiting.remove(&number) {
                    running.spawn(run_step(number, node, lanes.clone(), observer.clone(), cancel.clone()));
                }
                continue;
            }
            Some(Readiness::Never(because)) => Outcome::Skipped { because },
            None => Outcome::Cancelled,
        };
        if let Some(node) = waiting.remove(&number) {
            observer.event(&step_finished(number, &node, Duration::ZERO, &outcome));
            ended.insert(number, (outcome, Duration::ZERO));
        }
    }
}

async fn run_step(
    number: StepNumber,
    node: Node,
    lanes: Lanes,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Ended {
    let _place = lanes.enter(node.step.lane()).await;
    if cancel.is_cancelled() {
        observer.event(&step_finished(number, &node, Duration::ZERO, &Outcome::Cancelled));
        return (number, Outcome::Cancelled, Duration::ZERO);
    }
    let machine = node.step.machine().map(str::to_owned);
    observer.event(&Event::StepStarted { step: number, machine, title: node.step.title() });
    let began = Instant::now();
    let progress = Progress::new(number, observer.clone());
    let outcome = tokio::select! {
        () = cancel.cancelled() => Outcome::Cancelled,
        acted = act_with_retries(&node, &progress) => match acted {
            Ok(Acted::Changed) => Outcome::Done,
            Ok(Acted::Unchanged) => Outcome::AlreadyDone,
            Err(problem) => Outcome::Failed { problem: locate(problem, &node) },
        },
    };
    observer.event(&step_finished(number, &node, began.elapsed(), &outcome));
    (number, outcome, began.elapsed())
}

/// Three more tries, a second apart and doubling: a connection that is gone for longer is a finding.
async fn act_with_retries(node: &Node, progress: &Progress) -> Result<Acted, Problem> {
    let policy =
        ExponentialBuilder::default().with_min_delay(Duration::from_secs(1)).with_max_times(3).with_jitter();
    (|| node.step.act(progress))
        .retry(policy)
        .when(|problem| node.step.may_pass(problem))
        .notify(|problem, _| progress.retried(problem))
        .await
}

fn locate(problem: Problem, node: &Node) -> Problem {
    let problem = problem.during(node.step.title());
    match node.step.machine() {
        Some(machine) => problem.on(machine),
        None => problem,
    }
}

fn step_finished(number: StepNumber, node: &Node, duration: Duration, outcome: &Outcome) -> Event {
    Event::StepFinished {
        step: number,
        machine: node.step.machine().map(str::to_owned),
        title: node.step.title(),
        seconds: duration.as_secs_f64(),
        outcome: outcome.clone(),
    }
}

/// The places in each lane.
#[derive(Clone)]
struct Lanes {
    work: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
}

impl Lanes {
    fn new(limits: Limits) -> Self {
        Self {
            work: Arc::new(Semaphore::new(limits.work.max(1))),
            transfers: Arc::new(Semaphore::new(limits.transfers.max(1))),
        }
    }

    async fn enter(&self, lane: Lane) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let semaphore = match lane {
            Lane::Work => &self.work,
            Lane::Transfer => &self.transfers,
        };
        // The semaphores are never closed.
        semaphore.clone().acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::step::Step;
    use super::*;
    use crate::error::Result;
    use crate::model::BoxFuture;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Event>>);

    impl Observer for Recorder {
        fn event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    impl Recorder {
        fn order(&self) -> Vec<String> {
            self.0
                .lock()
                .unwrap()
                .iter()
                .filter_map(|event| match event {
                    Event::StepStarted { title, .. } => Some(title.clone()),
                    _ => None,
                })
                .collect()
        }
    }

    type Behaviour = Box<dyn Fn() -> Result<Acted> + Send + Sync>;

    struct Scripted(&'static str, Behaviour);

    impl Step for Scripted {
        fn title(&self) -> String {
            self.0.to_owned()
        }
        fn machine(&self) -> Option<&str> {
            Some("m")
        }
        fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
            Box::pin(async { (self.1)() })
        }
    }

    fn good(title: &'static str) -> Box<dyn Step> {
        Box::new(Scripted(title, Box::new(|| Ok(Acted::Changed))))
    }

    fn bad(title: &'static str) -> Box<dyn Step> {
        Box::new(Scripted(title, Box::new(|| Err(Problem::new(Class::Machine, "broken")))))
    }

    async fn run(graph: Graph) -> (Report, Vec<String>) {
        let recorder = Arc::new(Recorder::default());
        let report = execute(graph, Limits::default(), recorder.clone(), CancellationToken::new()).await;
        (report, recorder.order())
    }

    #[tokio::test]
    async fn a_failed_step_takes_only_what_needs_it_along() {
        let mut graph = Graph::default();
        let broken = graph.add(bad("prepare a"), vec![]);
        let fine = graph.add(good("prepare b"), vec![]);
        let join = graph.add(good("join a"), vec![Dependency::Needs(broken)]);
        graph.add(good("join b"), vec![Dependency::Needs(fine)]);
        graph.add(good("wait"), vec![Dependency::Follows(join), Dependency::Needs(fine)]);
        let (report, order) = run(graph).await;
        assert!(matches!(report.outcomes[2], Outcome::Skipped { because: 1 }));
        assert_eq!(report.outcomes[4], Outcome::Done);
        assert!(!order.contains(&"join a".to_owned()));
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
        graph.add(Box::new(Scripted("flaky", Box::new(flaky))), vec![]);
        assert_eq!(run(graph).await.0.outcomes, [Outcome::Done]);
        assert_eq!(tries.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn after_cancel_nothing_begins() {
        let cancel = CancellationToken::new();
        let trigger = cancel.clone();
        let mut graph = Graph::default();
        let first = graph.add(
            Box::new(Scripted(
                "first",
                Box::new(move || {
                    trigger.cancel();
                    Ok(Acted::Changed)
                }),
            )),
            vec![],
        );
        graph.add(good("second"), vec![Dependency::Needs(first)]);
        let report = execute(graph, Limits::default(), Arc::new(Recorder::default()), cancel).await;
        assert_eq!(report.outcomes[1], Outcome::Cancelled);
        assert!(report.was_cancelled());
    }
}
