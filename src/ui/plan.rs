//! A plan as a person reads it before saying yes.

use super::column::Columns;
use super::line::{Line, Tone};
use super::measure::count;
use super::palette::Signs;
use super::printer::Verbosity;
use crate::ops::{Certainty, Disruption, PlanView, PlannedStep};

/// Of more neighbouring steps that differ only in their machine than this, one row tells.
const FOLD_ABOVE: usize = 8;

/// What is said of a step nobody can look into.
const OPAQUE: &str = "by a script of the image";

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
    let columns = Columns::new(width, machine.map(|name| name.width()).max().unwrap_or(0), signs);
    let layout = Layout { columns, digits: steps.to_string().len(), verbosity };
    let mut rows = vec![heading];
    for group in plan.groups.iter().filter(|group| !group.steps.is_empty()) {
        rows.push(Line::blank());
        rows.push(Line::of(Tone::Dim, &group.title));
        rows.extend(layout.bundles(&group.steps).into_iter().flat_map(|bundle| layout.row(bundle)));
    }
    rows.push(Line::blank());
    rows.push(totals(plan));
    rows
}

struct Layout {
    columns: Columns,
    digits: usize,
    verbosity: Verbosity,
}

impl Layout {
    /// Cuts the steps where neighbours differ in more than their machine, and small bundles into single steps.
    fn bundles<'a>(&self, steps: &'a [PlannedStep]) -> Vec<&'a [PlannedStep]> {
        let alike = |a: &PlannedStep, b: &PlannedStep| {
            (&a.title, &a.reason, a.disruption, a.certainty)
                == (&b.title, &b.reason, b.disruption, b.certainty)
        };
        let folds = |bundle: &[PlannedStep]| bundle.len() > FOLD_ABOVE && self.verbosity < Verbosity::Verbose;
        steps
            .chunk_by(alike)
            .flat_map(|bundle| if folds(bundle) { vec![bundle] } else { bundle.chunks(1).collect() })
            .collect()
    }

    fn row(&self, bundle: &[PlannedStep]) -> Vec<Line> {
        let [first, .., last] = bundle else {
            return bundle.first().map(|step| self.single(step)).into_iter().collect();
        };
        let machines = Line::of(Tone::Plain, count(bundle.len(), "machine"));
        let mut rows = vec![self.step(first, first.number, machines)];
        let (from, to) = (first.machine.as_deref().unwrap_or(""), last.machine.as_deref().unwrap_or(""));
        let range = format!("{from} {} {to}", self.columns.signs.range());
        rows.push(self.indent().with(Tone::Dim, range).cut_to(self.columns.width));
        rows
    }

    fn single(&self, step: &PlannedStep) -> Line {
        let machine = match &step.machine {
            Some(machine) => Line::of(Tone::Plain, machine),
            None => Line::of(Tone::Dim, super::column::WHOLE_CLUSTER),
        };
        self.step(step, step.number, machine)
    }

    fn step(&self, step: &PlannedStep, number: usize, machine: Line) -> Line {
        let (tone, sign) = sign(step.disruption);
        let mut line = Line::of(tone, sign)
            .with(Tone::Dim, format!(" {number:>width$}  ", width = self.digits))
            .joined(machine.cut_to(self.columns.machine))
            .pad_to(self.title_at())
            .with(if step.disruption == Disruption::Adds { Tone::Plain } else { tone }, &step.title);
        let opaque = (step.certainty == Certainty::Opaque).then_some(OPAQUE);
        for remark in [step.reason.as_deref(), opaque].into_iter().flatten() {
            line = line.with(Tone::Dim, format!("  {} {remark}", self.columns.signs.dot()));
        }
        line.cut_to(self.columns.width)
    }

    fn indent(&self) -> Line {
        Line::blank().pad_to(self.title_at())
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
    for (disruption, verb) in [
        (Disruption::Adds, "only add"),
        (Disruption::Interrupts, "interrupt what runs"),
        (Disruption::Removes, "remove something"),
    ] {
        if number(disruption) > 0 {
            let (tone, sign) = sign(disruption);
            line = line.plain(before).with(tone, sign).plain(format!(" {} {verb}", number(disruption)));
            before = ", ";
        }
    }
    let opaque = plan.steps().filter(|step| step.certainty == Certainty::Opaque).count();
    if opaque > 0 {
        line = line.with(Tone::Dim, format!("; {opaque} by scripts of images, which cannot be foreseen"));
    }
    line
}
