//! Runs a graph to its end: every step as early as its dependencies and the limits let it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::event::{Event, Observer, Outcome, StepNumber};
use super::graph::Graph;
use super::limits::Policy;
use super::report::Report;
use super::room::End;
use super::schedule::Schedule;
use super::step::{Acted, LONGEST, Progress, Since, Step};
use crate::error::{Class, Problem, Result};

/// Runs `graph`. After `cancel` no step begins; a running one is let go, as its machine finishes it alone.
pub async fn execute(
    graph: Graph,
    policy: Policy,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Report {
    let began = Instant::now();
    let mut schedule = Schedule::new(&graph.nodes, policy);
    let mut run = Run::new(graph, observer, cancel);
    loop {
        if run.cancel.is_cancelled() {
            schedule
                .stop()
                .into_iter()
                .for_each(|number| run.ended(number, Duration::ZERO, Outcome::Cancelled));
        }
        while let Some(number) = schedule.begin() {
            run.start(number);
        }
        let Some((number, took, outcome)) = run.next_end().await else { break };
        let end = if outcome.is_success() { End::Well } else { End::Badly };
        run.ended(number, took, outcome);
        // What a stop let go is no failure that others are skipped for.
        if !run.cancel.is_cancelled() {
            for skip in schedule.end(number, end) {
                run.ended(skip.step, Duration::ZERO, Outcome::Skipped { because: skip.because });
            }
        }
    }
    let report = run.report(began.elapsed());
    run.observer.event(&report.event());
    report
}

/// The steps of a run under way.
struct Run {
    steps: Vec<Arc<dyn Step>>,
    ends: Vec<Option<(Outcome, Duration)>>,
    running: JoinSet<Ended>,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
}

type Ended = (StepNumber, Duration, Outcome);

impl Run {
    fn new(graph: Graph, observer: Arc<dyn Observer>, cancel: CancellationToken) -> Self {
        let steps: Vec<Arc<dyn Step>> = graph.nodes.into_iter().map(|node| node.step.into()).collect();
        let ends = steps.iter().map(|_| None).collect();
        Self { steps, ends, running: JoinSet::new(), observer, cancel }
    }

    fn start(&mut self, number: StepNumber) {
        let step = self.steps[number - 1].clone();
        let (observer, cancel) = (self.observer.clone(), self.cancel.clone());
        self.running.spawn(async move {
            if cancel.is_cancelled() {
                return (number, Duration::ZERO, Outcome::Cancelled);
            }
            let began = Instant::now();
            // A panic is a defect of one step; the others still run to their ends.
            let outcome =
                AssertUnwindSafe(carry_out(number, step.as_ref(), observer, &cancel)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|panic| Outcome::Failed { problem: broken(panic.as_ref()) });
            (number, began.elapsed(), outcome)
        });
    }

    /// Returns the next end of a running step; `None` if none runs.
    async fn next_end(&mut self) -> Option<Ended> {
        // Tasks catch their panics and nobody aborts them, so they end with an answer.
        self.running.join_next().await?.ok()
    }

    fn ended(&mut self, number: StepNumber, took: Duration, outcome: Outcome) {
        let step = &self.steps[number - 1];
        let outcome = match outcome {
            Outcome::Failed { problem } => Outcome::Failed { problem: locate(problem, step.as_ref()) },
            other => other,
        };
        self.observer.event(&Event::StepFinished {
            step: number,
            machine: step.machine().map(str::to_owned),
            title: step.title(),
            seconds: took.as_secs_f64(),
            outcome: outcome.clone(),
        });
        self.ends[number - 1] = Some((outcome, took));
    }

    fn report(&mut self, duration: Duration) -> Report {
        let never = || {
            let problem = Problem::new(Class::Internal, "the step never came to an end");
            (Outcome::Failed { problem }, Duration::ZERO)
        };
        let ends = std::mem::take(&mut self.ends).into_iter().map(|end| end.unwrap_or_else(never));
        let (outcomes, durations) = ends.unzip();
        Report { outcomes, durations, duration }
    }
}

async fn carry_out(
    number: StepNumber,
    step: &dyn Step,
    observer: Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Outcome {
    observer.event(&Event::StepStarted {
        step: number,
        machine: step.machine().map(str::to_owned),
        title: step.title(),
    });
    let progress = Progress::new(number, observer);
    tokio::select! {
        biased;
        () = cancel.cancelled() => Outcome::Cancelled,
        acted = act_in_time(step, &progress) => match acted {
            Ok(Acted::Changed) => Outcome::Done,
            Ok(Acted::Unchanged) => Outcome::AlreadyDone,
            Err(problem) => Outcome::Failed { problem },
        },
    }
}

async fn act_in_time(step: &dyn Step, progress: &Progress) -> Result<Acted> {
    let deadline = step.deadline();
    let at_last = progress.began() + LONGEST;
    let end = || match step.since() {
        Since::TheBegin => progress.began() + deadline,
        Since::TheLastWord => at_last.min(progress.heard() + deadline),
    };
    let acting = act_with_retries(step, progress);
    tokio::pin!(acting);
    while tokio::time::Instant::now() < end() {
        tokio::select! {
            biased;
            acted = &mut acting => return acted,
            () = tokio::time::sleep_until(end()) => {}
        }
    }
    let told = match step.since() {
        Since::TheBegin => format!("it has not ended after {}", in_words(deadline)),
        // What tells something for ever comes to no end by that.
        Since::TheLastWord if end() == at_last => format!("it has not ended after {}", in_words(LONGEST)),
        Since::TheLastWord => format!("it has not told anything for {}", in_words(deadline)),
    };
    Err(Problem::new(Class::Machine, told)
        .remedy("look at the load, disk and network there")
        .remedy("run the same command again: work that was begun goes on there and is picked up"))
}

/// Three more tries, a second apart and doubling: a connection that is gone for longer is a finding.
async fn act_with_retries(step: &dyn Step, progress: &Progress) -> Result<Acted> {
    let policy =
        ExponentialBuilder::default().with_min_delay(Duration::from_secs(1)).with_max_times(3).with_jitter();
    (|| step.act(progress))
        .retry(policy)
        .when(|problem| step.may_pass(problem))
        .notify(|problem, _| progress.retried(problem))
        .await
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

fn broken(panic: &(dyn Any + Send)) -> Problem {
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let problem = Problem::new(Class::Internal, "the step broke off, which is a defect of sealift");
    match said {
        Some(said) => problem.saw(said),
        None => problem,
    }
}

fn locate(problem: Problem, step: &dyn Step) -> Problem {
    let problem = problem.during(step.title());
    match step.machine() {
        Some(machine) => problem.on(machine),
        None => problem,
    }
}
