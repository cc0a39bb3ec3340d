//! A plan as a person reads it before saying yes.

use super::column::Columns;
use super::line::{Line, Tone, render_all};
use super::measure::count;
use super::palette::{Palette, Signs};
use super::printer::Verbosity;
use crate::ops::{Certainty, Disruption, PlanView, PlannedStep};

/// Of more neighbouring steps that differ only in their machine than this, one row tells.
const FOLD_ABOVE: usize = 8;

/// What is said of a step nobody can look into.
const OPAQUE: &str = "by a script of the image";

/// How wide a plan is that goes to a file or another program: nothing in it is cut.
const UNCUT: usize = 1000;

/// Returns a plan as plain text, for standard output.
pub fn text(plan: &PlanView) -> String {
    render_all(&rows(plan, UNCUT, Signs::Unicode, Verbosity::Verbose), Palette::Plain)
}

/// Lays out a plan for a terminal of `width` columns.
pub(super) fn rows(plan: &PlanView, width: usize, signs: Signs, verbosity: Verbosity) -> Vec<Line> {
    let heading = Line::of(Tone::Strong, &plan.cluster).plain("  ").plain(&plan.title);
    let steps = plan.steps().count();
    if steps == 0 {
        let nothing = Line::of(Tone::Good, signs.good()).plain(" nothing to do: all is as desired");
        return vec![heading, nothing];
    }
    let machine =
        plan.steps().filter_map(|step| step.machine.as_deref()).map(|name| Line::of(Tone::Plain, name));
    let widest = machine.map(|name| name.width()).max().unwrap_or(0);
    // Room for a bundle's number of machines.
    let largest = plan.groups.iter().flat_map(|group| bundles(&group.steps, verbosity)).map(<[_]>::len).max();
    let widest = match largest {
        Some(largest) if largest > 1 => widest.max(count(largest, "machine").len()),
        _ => widest,
    };
    let layout = Layout { columns: Columns::new(width, widest, signs), digits: steps.to_string().len() };
    let mut rows = vec![heading];
    for group in plan.groups.iter().filter(|group| !group.steps.is_empty()) {
        rows.push(Line::blank());
        rows.push(Line::of(Tone::Dim, &group.title));
        rows.extend(bundles(&group.steps, verbosity).into_iter().map(|bundle| layout.row(bundle)));
    }
    rows.push(Line::blank());
    rows.push(totals(plan));
    rows.extend(unforeseen(plan));
    rows
}

/// Cuts the steps where neighbours differ in more than their machine, and small bundles into single steps.
fn bundles(steps: &[PlannedStep], verbosity: Verbosity) -> Vec<&[PlannedStep]> {
    let alike = |a: &PlannedStep, b: &PlannedStep| {
        (&a.title, &a.reason, a.disruption, a.certainty) == (&b.title, &b.reason, b.disruption, b.certainty)
    };
    let folds = |bundle: &[PlannedStep]| bundle.len() > FOLD_ABOVE && verbosity < Verbosity::Verbose;
    steps
        .chunk_by(alike)
        .flat_map(|bundle| if folds(bundle) { vec![bundle] } else { bundle.chunks(1).collect() })
        .collect()
}

struct Layout {
    columns: Columns,
    digits: usize,
}

impl Layout {
    /// Lays out a bundle, which has at least one step.
    fn row(&self, bundle: &[PlannedStep]) -> Line {
        let [first, .., last] = bundle else {
            return bundle.first().map(|step| self.single(step)).unwrap_or_default();
        };
        let machines = Line::of(Tone::Plain, count(bundle.len(), "machine"));
        let (from, to) = (first.machine.as_deref().unwrap_or(""), last.machine.as_deref().unwrap_or(""));
        let range = format!("{from} {} {to}", self.columns.signs.range());
        self.step(first, machines, Some(&range))
    }

    fn single(&self, step: &PlannedStep) -> Line {
        let machine = match &step.machine {
            Some(machine) => Line::of(Tone::Plain, machine),
            None => Line::of(Tone::Dim, super::column::WHOLE_CLUSTER),
        };
        self.step(step, machine, None)
    }

    fn step(&self, step: &PlannedStep, machine: Line, range: Option<&str>) -> Line {
        let (tone, sign) = sign(step.disruption);
        let mut line = Line::of(tone, sign)
            .with(Tone::Dim, format!(" {:>width$}  ", step.number, width = self.digits))
            .joined(machine.cut_to(self.columns.machine))
            .pad_to(self.title_at())
            .with(if step.disruption == Disruption::Adds { Tone::Plain } else { tone }, &step.title);
        let opaque = (step.certainty == Certainty::Opaque).then_some(OPAQUE);
        for remark in [range, step.reason.as_deref(), opaque].into_iter().flatten() {
            line = line.with(Tone::Dim, format!("  {} {remark}", self.columns.signs.dot()));
        }
        line.cut_to(self.columns.width)
    }

    fn title_at(&self) -> usize {
        self.columns.title_at() + self.digits + 2
    }
}

/// The sign that is read without its colour, as in a diff.
fn sign(disruption: Disruption) -> (Tone, &'static str) {
    match disruption {
        Disruption::Adds => (Tone::Good, "+"),
        Disruption::Interrupts => (Tone::Caution, "~"),
        Disruption::Removes => (Tone::Bad, "-"),
    }
}

fn totals(plan: &PlanView) -> Line {
    let number = |wanted| plan.steps().filter(|step| step.disruption == wanted).count();
    let mut line = Line::of(Tone::Strong, count(plan.steps().count(), "step"));
    let mut before = ": ";
    for (disruption, one, many) in [
        (Disruption::Adds, "adds", "add"),
        (Disruption::Interrupts, "interrupts what runs", "interrupt what runs"),
        (Disruption::Removes, "removes something", "remove something"),
    ] {
        let number = number(disruption);
        if number > 0 {
            let (tone, sign) = sign(disruption);
            let verb = if number == 1 { one } else { many };
            line = line.plain(before).with(tone, sign).plain(format!(" {number} {verb}"));
            before = ", ";
        }
    }
    line
}

fn unforeseen(plan: &PlanView) -> Option<Line> {
    let opaque = plan.steps().filter(|step| step.certainty == Certainty::Opaque).count();
    let what = "of an image, and what that does cannot be foreseen";
    match opaque {
        0 => None,
        1 => Some(Line::of(Tone::Dim, format!("1 of them runs a script {what}"))),
        _ => Some(Line::of(Tone::Dim, format!("{opaque} of them run scripts {what}"))),
    }
}
