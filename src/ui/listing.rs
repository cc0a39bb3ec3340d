//! The list of steps that ended, as it grows above the ones that run.

use std::time::Duration;

use super::board::{Mark, News, Title};
use super::column::Columns;
use super::line::{Line, Tone};
use super::measure::{count, duration, seconds, wrap};
use super::printer::Verbosity;
use crate::error::Problem;

/// Of a failed step's evidence, the last lines are in the list; the report at the end has all of it.
const EVIDENCE_LINES: usize = 3;

/// Tells whether so much is to be said. A step that is tried again says so while it runs, and when it has ended.
pub(super) fn is_told(news: &News, verbosity: Verbosity) -> bool {
    verbosity == Verbosity::Verbose || !matches!(news, News::Retried { .. })
}

/// Lays out what is new as rows of the list.
pub(super) fn rows(news: &News, columns: &Columns) -> Vec<Line> {
    match news {
        News::Ended { machine, title, tries, seconds, how } => {
            let title = if *tries > 1 { format!("{title} (try {tries})") } else { title.clone() };
            ended(machine.as_deref(), &title, *seconds, how, columns)
        }
        News::Folded { title, counts, duration } => vec![folded(title, counts, *duration, columns)],
        News::Stray { line } => vec![Line::of(Tone::Caution, line).cut_to(columns.width)],
        News::Said { source, line } => {
            let row = columns.continue_row().with(Tone::Active, source).plain(" ");
            vec![row.with(Tone::Dim, columns.signs.quote()).plain(" ").plain(line).cut_to(columns.width)]
        }
        News::Retried { machine, title, problem } => {
            let row = columns
                .begin((Tone::Caution, columns.signs.retried()), machine.as_deref())
                .plain(title)
                .with(Tone::Caution, "  tried again: ")
                .plain(&problem.message);
            vec![row.cut_to(columns.width)]
        }
    }
}

fn ended(machine: Option<&str>, title: &str, took: f64, how: &Mark, columns: &Columns) -> Vec<Line> {
    let signs = columns.signs;
    let time = Line::of(Tone::Dim, seconds(took));
    let begin = |sign| columns.begin(sign, machine).plain(title);
    match how {
        Mark::Done => vec![begin((Tone::Good, signs.good())).with_right(time, columns.width)],
        Mark::AlreadyDone => {
            let row = begin((Tone::Good, signs.good())).with(Tone::Dim, "  was done already");
            vec![row.with_right(time, columns.width)]
        }
        Mark::Failed(problem) => {
            let row = begin((Tone::Bad, signs.bad())).with(Tone::Bad, "  failed");
            std::iter::once(row.with_right(time, columns.width)).chain(why(problem, columns)).collect()
        }
        Mark::Skipped(needed) => {
            let why = format!("  not tried, since `{needed}` did not succeed");
            let row = begin((Tone::Dim, signs.skipped())).with(Tone::Dim, why);
            vec![row.cut_to(columns.width)]
        }
        Mark::LetGo => {
            let row = begin((Tone::Caution, signs.stopped())).with(Tone::Caution, "  let go, not finished");
            vec![row.with_right(time, columns.width)]
        }
    }
}

fn why(problem: &Problem, columns: &Columns) -> Vec<Line> {
    let room = columns.text_columns();
    let message = wrap(&problem.message, room).into_iter().map(|text| columns.continue_row().plain(text));
    let evidence: Vec<&str> = problem.seen.iter().flat_map(|seen| seen.lines()).collect();
    let shown = evidence.len().saturating_sub(EVIDENCE_LINES);
    let evidence = evidence[shown..].iter().map(|text| {
        let row = columns.continue_row().with(Tone::Dim, columns.signs.quote()).plain(" ");
        row.with(Tone::Dim, text).cut_to(columns.width)
    });
    message.chain(evidence).collect()
}

fn folded(title: &str, counts: &Title, took: Duration, columns: &Columns) -> Line {
    let signs = columns.signs;
    let tally = counts.tally;
    let whole = tally.succeeded == counts.planned;
    let sign = if whole { (Tone::Good, signs.good()) } else { (Tone::Caution, signs.stopped()) };
    let row = columns.begin_many(sign, &count(tally.succeeded, "machine")).plain(title);
    row.joined(shortfall(counts)).with_right(Line::of(Tone::Dim, duration(took)), columns.width)
}

/// Says what of a folded title did not succeed; nothing, if all did.
pub(super) fn shortfall(counts: &Title) -> Line {
    let tally = counts.tally;
    let not_begun = counts.planned.saturating_sub(tally.ended());
    let parts: Vec<String> =
        [(tally.failed, "failed"), (tally.skipped, "not tried or let go"), (not_begun, "not begun")]
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
    if parts.is_empty() { Line::blank() } else { Line::of(Tone::Caution, format!("  {}", parts.join(", "))) }
}
