//! A run written into the cluster's history, with the operator and in the cluster.

use std::time::Duration;

use super::context::Context;
use super::view::Ending;
use crate::engine::{Outcome, Report};
use crate::steps::{PastRun, RunOutcome, Site, State, StepCount};
use crate::wire::SaveState;

/// How long the cluster may take to keep it. The history is for people: no run fails for it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Adds the run to the history of a cluster that is still there.
pub(super) async fn record(
    context: &Context,
    site: &Site,
    command: &str,
    titles: &[String],
    report: &Report,
    ending: &Ending,
) {
    let known = State::load(&site.home, &site.cluster().name).is_ok_and(|state| state.is_some());
    // Whoever has lost the lock leaves what is kept to the one who has it now.
    if !known || site.fleet.tenure().lost().is_some() {
        return;
    }
    let run = past_run(context, command, titles, report, ending);
    let state = site.change_state(|state| state.history.add(run));
    if let Err(problem) = state.save(&site.home) {
        context.reporter.warn(&format!("the run is not in the cluster's history: {problem}"));
    }
    let (Some(_), Ok(text)) = (&state.authority, state.to_json()) else { return };
    let save = site.command(SaveState { state: text });
    if !matches!(tokio::time::timeout(DEADLINE, save).await, Ok(Ok(()))) {
        context.reporter.note("the cluster does not keep its history now; the operator's copy has it");
    }
}

fn past_run(
    context: &Context,
    command: &str,
    titles: &[String],
    report: &Report,
    ending: &Ending,
) -> PastRun {
    let mut steps: Vec<StepCount> = Vec::new();
    for (title, outcome) in titles.iter().zip(&report.outcomes) {
        let index = steps.iter().position(|step| step.title == *title).unwrap_or_else(|| {
            steps.push(StepCount { title: title.clone(), done: 0, failed: 0, left: 0 });
            steps.len() - 1
        });
        let count = &mut steps[index];
        match outcome {
            Outcome::Done | Outcome::AlreadyDone => count.done += 1,
            Outcome::Failed { .. } => count.failed += 1,
            Outcome::Skipped { .. } | Outcome::Cancelled => count.left += 1,
        }
    }
    PastRun {
        run: context.run.clone(),
        command: command.to_owned(),
        by: format!("{}@{}", context.operator.user, context.operator.host),
        ended: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        seconds: report.duration.as_secs(),
        outcome: match ending {
            Ending::Done | Ending::NothingToDo => RunOutcome::Done,
            Ending::Partial => RunOutcome::Partial,
            Ending::Failed => RunOutcome::Failed,
            Ending::Interrupted { .. } => RunOutcome::Interrupted,
        },
        steps,
    }
}
