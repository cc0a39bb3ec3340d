//! The run as lines with a timestamp, for logs and for terminals that cannot do more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Zoned;

use super::board::Board;
use super::column::WHOLE_CLUSTER;
use super::line::{Line, Tone};
use super::measure::{bytes, count, seconds};
use super::printer::Verbosity;
use crate::engine::{Event, Outcome, StepNumber};
use crate::error::Problem;

/// How often a transfer tells how far it is.
const TRANSFER_PAUSE: Duration = Duration::from_secs(10);

/// Remembers when each transfer last told how far it is.
#[derive(Debug, Default)]
pub(super) struct TransferPace(Mutex<HashMap<StepNumber, Duration>>);

impl TransferPace {
    /// Tells whether the transfer of `step` is to be told `now`.
    pub(super) fn is_due(&self, step: StepNumber, now: Duration) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = told.entry(step).or_insert(now);
        let due = now.saturating_sub(*last) >= TRANSFER_PAUSE;
        if due {
            *last = now;
        }
        due
    }
}

/// Puts the time of day in front of a line.
pub(super) fn stamped(time: &Zoned, line: Line) -> Line {
    Line::of(Tone::Dim, time.strftime("%H:%M:%S").to_string()).plain(" ").joined(line)
}

/// Says an event in whole sentences, each of them one line. `board` has taken the event already, save for its end.
pub(super) fn sentences(event: &Event, board: &Board, verbosity: Verbosity) -> Vec<Line> {
    let of_step = |step: StepNumber| board.running.get(&step);
    match event {
        Event::RunStarted { run, cluster, steps } => {
            vec![
                Line::of(Tone::Strong, cluster)
                    .plain(format!(": {} to do (run {run})", count(*steps, "step"))),
            ]
        }
        Event::StepStarted { machine, title, .. } => {
            vec![begin(board, machine.as_deref(), title).with(Tone::Dim, "started")]
        }
        Event::StepProgress { step, done, total } => {
            of_step(*step).map(|running| {
                let rate = running.transfer.as_ref().map_or(0, super::board::Transfer::rate);
                let far = format!("{} of {}, {}/s", bytes(*done), bytes(*total), bytes(rate));
                begin(board, running.machine.as_deref(), &running.title).plain(far)
            })
        }
        .into_iter()
        .collect(),
        Event::StepSaid { step: 0, line, .. } => vec![Line::of(Tone::Caution, line)],
        Event::StepSaid { line, source: Some(source), .. } => {
            vec![Line::of(Tone::Active, source).with(Tone::Dim, " | ").plain(line)]
        }
        Event::StepSaid { step, line, source: None } if verbosity == Verbosity::Verbose => {
            let machine = of_step(*step).and_then(|running| running.machine.as_deref());
            vec![name(board, machine).with(Tone::Dim, "| ").with(Tone::Dim, line)]
        }
        Event::StepSaid { .. } => vec![],
        Event::StepRetried { step, problem } => of_step(*step)
            .map(|running| {
                begin(board, running.machine.as_deref(), &running.title)
                    .with(Tone::Caution, "tried again: ")
                    .plain(&problem.message)
            })
            .into_iter()
            .collect(),
        Event::StepFinished { machine, title, seconds, outcome, .. } => {
            ended(begin(board, machine.as_deref(), title), *seconds, outcome, board)
        }
        Event::RunFinished { seconds: took, succeeded, failed, left } => {
            let line = Line::of(Tone::Strong, &board.cluster)
                .plain(format!(": {succeeded} done, {failed} failed, {left} left ({})", seconds(*took)));
            vec![line]
        }
    }
}

fn ended(begin: Line, took: f64, outcome: &Outcome, board: &Board) -> Vec<Line> {
    let took = seconds(took);
    match outcome {
        Outcome::Done => vec![begin.with(Tone::Good, "done").with(Tone::Dim, format!(" ({took})"))],
        Outcome::AlreadyDone => {
            vec![begin.with(Tone::Good, "was done already").with(Tone::Dim, format!(" ({took})"))]
        }
        Outcome::Failed { problem } => failed(&begin, &took, problem, board),
        Outcome::Skipped { because } => {
            vec![begin.with(Tone::Caution, format!("not tried, since step {because} did not succeed"))]
        }
        Outcome::Cancelled => vec![begin.with(Tone::Caution, format!("stopped ({took})"))],
    }
}

fn failed(begin: &Line, took: &str, problem: &Problem, board: &Board) -> Vec<Line> {
    let first = begin.clone().with(Tone::Bad, "failed").with(Tone::Dim, format!(" ({took}): "));
    let evidence = problem.seen.iter().flat_map(|seen| seen.lines());
    let evidence =
        evidence.map(|line| name(board, problem.machine.as_deref()).with(Tone::Dim, "| ").plain(line));
    std::iter::once(first.plain(&problem.message)).chain(evidence).collect()
}

fn begin(board: &Board, machine: Option<&str>, title: &str) -> Line {
    name(board, machine).plain(title).plain(": ")
}

fn name(board: &Board, machine: Option<&str>) -> Line {
    let line = match machine {
        Some(machine) => Line::of(Tone::Plain, machine),
        None => Line::of(Tone::Dim, WHOLE_CLUSTER),
    };
    let columns = board.machine_columns.max(WHOLE_CLUSTER.len());
    let columns = columns.max(line.width()) + 2;
    line.pad_to(columns)
}
