//! The end of a run: what was done, how long it took, what was set aside and what to type next.

use super::column::WHOLE_CLUSTER;
use super::line::{Line, Tone, render_all};
use super::measure::{count, seconds};
use super::printer::{Printer, Verbosity};
use super::problems;
use crate::ops::{Ending, HalfDone, StepTiming, Summary};

/// Of more titles than this, the slowest are shown.
const TITLES_SHOWN: usize = 8;

/// The widest the titles of the table of times get.
const WIDEST_TITLE: usize = 56;

/// Tells how a command ended.
pub(super) fn summary(summary: &Summary, printer: &Printer) -> String {
    let mut text = render_all(&[headline(summary, printer), tally(summary)], printer.palette);
    if printer.verbosity > Verbosity::Quiet {
        push_block(&mut text, &times(summary, printer.verbosity), printer);
    }
    if !summary.set_aside.is_empty() {
        push_block(&mut text, &[set_aside(summary)], printer);
        text.push_str(&problems::rows(&summary.set_aside, printer));
    }
    if let Ending::Interrupted { half_done, again } = &summary.ending {
        push_block(&mut text, &half_done_rows(half_done), printer);
        push_block(
            &mut text,
            &commands("the same command goes on from here", std::slice::from_ref(again)),
            printer,
        );
    }
    if printer.verbosity > Verbosity::Quiet {
        push_block(&mut text, &commands("next", &summary.next), printer);
    }
    text
}

fn push_block(text: &mut String, rows: &[Line], printer: &Printer) {
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&render_all(rows, printer.palette));
    }
}

fn headline(summary: &Summary, printer: &Printer) -> Line {
    let signs = printer.signs;
    let (tone, sign) = match summary.ending {
        Ending::Done | Ending::NothingToDo => (Tone::Good, signs.good()),
        Ending::Partial | Ending::Interrupted { .. } => (Tone::Caution, signs.stopped()),
        Ending::Failed => (Tone::Bad, signs.bad()),
    };
    Line::of(tone, sign).plain(" ").with(Tone::Strong, &summary.what)
}

fn tally(summary: &Summary) -> Line {
    let took = seconds(summary.seconds);
    let text = if summary.ending == Ending::NothingToDo {
        format!("  nothing to do ({took})")
    } else if summary.succeeded == summary.planned {
        format!("  {} in {took}", count(summary.planned, "step"))
    } else {
        format!("  {} of {} in {took}", summary.succeeded, count(summary.planned, "step"))
    };
    Line::of(Tone::Dim, text)
}

/// The table of times, in the order of the plan.
fn times(summary: &Summary, verbosity: Verbosity) -> Vec<Line> {
    let shown = slowest(&summary.steps, verbosity);
    if shown.is_empty() {
        return vec![];
    }
    let heading = if shown.len() < summary.steps.len() { "slowest steps" } else { "steps" };
    let titles = shown.iter().map(|timing| Line::of(Tone::Plain, &timing.title).cut_to(WIDEST_TITLE));
    let title = titles.map(|line| line.width()).max().unwrap_or(0).max(heading.len()) + 2;
    let head = Line::of(Tone::Dim, heading)
        .pad_to(title)
        .with(Tone::Dim, format!("{:>8}  {:>8}", "machines", "longest"));
    let rows = shown.into_iter().map(|timing| {
        let row = Line::of(Tone::Plain, &timing.title).cut_to(WIDEST_TITLE).pad_to(title);
        let row = row.plain(format!("{:>8}  {:>8}", timing.count, seconds(timing.longest)));
        match &timing.slowest {
            Some(machine) => row.with(Tone::Dim, format!("  on {machine}")),
            None => row,
        }
    });
    std::iter::once(head).chain(rows).map(indented).collect()
}

fn slowest(steps: &[StepTiming], verbosity: Verbosity) -> Vec<&StepTiming> {
    let mut shown: Vec<(usize, &StepTiming)> = steps.iter().enumerate().collect();
    if verbosity < Verbosity::Verbose {
        shown.sort_by(|(_, a), (_, b)| b.longest.total_cmp(&a.longest));
        shown.truncate(TITLES_SHOWN);
        shown.sort_by_key(|(index, _)| *index);
    }
    shown.into_iter().map(|(_, timing)| timing).collect()
}

fn set_aside(summary: &Summary) -> Line {
    let mut machines: Vec<&str> =
        summary.set_aside.iter().filter_map(|problem| problem.machine.as_deref()).collect();
    machines.sort_unstable();
    machines.dedup();
    let text = if machines.is_empty() {
        count(summary.set_aside.len(), "problem")
    } else {
        format!("set aside: {}", count(machines.len(), "machine"))
    };
    Line::of(Tone::Caution, text)
}

fn half_done_rows(half_done: &[HalfDone]) -> Vec<Line> {
    if half_done.is_empty() {
        return vec![Line::of(Tone::Dim, "nothing is half done")];
    }
    let name = |half: &HalfDone| half.machine.clone().unwrap_or_else(|| WHOLE_CLUSTER.to_owned());
    let widest = half_done.iter().map(|half| Line::of(Tone::Plain, name(half)).width()).max().unwrap_or(0);
    let heading = Line::of(Tone::Caution, "half done").with(Tone::Dim, "; the machines finish it alone");
    let rows = half_done
        .iter()
        .map(|half| indented(Line::of(Tone::Plain, name(half)).pad_to(widest + 2).plain(&half.title)));
    std::iter::once(heading).chain(rows).collect()
}

fn commands(heading: &str, commands: &[String]) -> Vec<Line> {
    if commands.is_empty() {
        return vec![];
    }
    let rows = commands.iter().map(|command| Line::of(Tone::Plain, "  ").with(Tone::Active, command));
    std::iter::once(Line::of(Tone::Dim, heading)).chain(rows).collect()
}

fn indented(line: Line) -> Line {
    Line::of(Tone::Plain, "  ").joined(line)
}
