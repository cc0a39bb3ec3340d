//! A plan as a person reads it before saying yes: what becomes of the machines first, then step by step.

use super::column::{Columns, WHOLE_CLUSTER};
use super::line::{Line, Tone, render_all};
use super::measure::{count, wrap};
use super::palette::{Palette, Signs};
use super::printer::Verbosity;
use crate::model::{DocumentChange, ranges};
use crate::ops::{Certainty, Disruption, PlanGroup, PlanView, PlannedStep, Told, fold};
use crate::plan::FileChange;

/// What is said of a step nobody can look into.
const OPAQUE: &str = "by a script of the image";

/// Of machines that do the same, so many lines of names are told.
const LINES_OF_NAMES: usize = 4;

/// Returns a plan as plain text of so many columns. Where all details are wanted nothing is cut, and every machine is told for
/// itself.
pub fn text(plan: &PlanView, verbosity: Verbosity, columns: usize) -> String {
    let width = if verbosity < Verbosity::Verbose { columns } else { usize::MAX };
    render_all(&rows(plan, width, Signs::Unicode, verbosity), Palette::Plain)
}

/// Lays out a plan for `width` columns.
pub(super) fn rows(plan: &PlanView, width: usize, signs: Signs, verbosity: Verbosity) -> Vec<Line> {
    let readable = Columns::new(width, 0, signs).width;
    let mut rows = vec![Line::of(Tone::Strong, &plan.cluster).plain("  ").plain(&plan.title)];
    let steps = plan.steps().count();
    if steps == 0 {
        let nothing = if plan.set_aside.is_empty() {
            " nothing to do: all is as desired"
        } else {
            " nothing to do on the machines that are not set aside"
        };
        rows.push(Line::of(Tone::Good, signs.good()).plain(nothing));
        rows.extend(set_aside(plan, readable));
        return rows;
    }
    rows.push(Line::blank());
    rows.extend(affected(plan));
    rows.push(totals(plan));
    rows.extend(unforeseen(plan));
    rows.extend(set_aside(plan, readable));
    let groups: Vec<(&PlanGroup, Vec<Told<'_>>)> = plan
        .groups
        .iter()
        .filter(|group| !group.steps.is_empty())
        .map(|group| (group, told(group, verbosity)))
        .collect();
    let layout = Layout::of(groups.iter().flat_map(|(_, told)| told), width, signs, steps);
    for (group, told) in &groups {
        rows.push(Line::blank());
        rows.push(Line::of(Tone::Dim, &group.title));
        rows.extend(told.iter().flat_map(|told| layout.rows(told)));
    }
    rows.extend(plan.documents.iter().flat_map(document_rows));
    rows.extend(plan.files.iter().flat_map(|file| file_rows(file, signs)));
    rows
}

/// A document that says something else, and what:
/// `maxPods  77 → 88`.
fn document_rows(document: &DocumentChange) -> Vec<Line> {
    let about = document.note.as_deref().unwrap_or("of what runs");
    let head = Line::of(Tone::Strong, &document.kind).with(Tone::Dim, format!("  {about}"));
    let rows = document.fields.iter().map(|change| {
        let line = Line::of(Tone::Plain, "    ").plain(&change.field).plain("  ");
        let line = match &change.before {
            Some(before) => line.with(Tone::Bad, before),
            None => line.with(Tone::Dim, "not set"),
        };
        let line = line.plain(" → ");
        match &change.after {
            Some(after) => line.with(Tone::Good, after),
            None => line.with(Tone::Dim, "not set"),
        }
    });
    [Line::blank(), head].into_iter().chain(rows).collect()
}

/// A file that changes, and how: `etc/x.yaml in kubernetes:v1.36.3 · by the Config limits`, and the difference below it.
fn file_rows(file: &FileChange, signs: Signs) -> Vec<Line> {
    let mut causes: Vec<String> =
        file.configs.iter().map(|config| format!("by the Config {config}")).collect();
    causes.extend(file.template.iter().map(|template| format!("rendered from {template}")));
    causes.extend(file.machine.iter().map(|machine| format!("as on {machine}")));
    let named = Line::of(Tone::Strong, &file.path).plain(format!(" in {}", file.image));
    let head =
        causes.iter().fold(named, |line, cause| line.with(Tone::Dim, format!("  {} {cause}", signs.dot())));
    let body = file.difference.lines().filter(|line| !line.starts_with("--- ") && !line.starts_with("+++ "));
    let body = body.map(|line| {
        let tone = match line.chars().next() {
            Some('+') => Tone::Good,
            Some('-') => Tone::Bad,
            Some('@') => Tone::Dim,
            _ => Tone::Plain,
        };
        Line::of(Tone::Plain, "    ").with(tone, line)
    });
    [Line::blank(), head].into_iter().chain(body).collect()
}

/// All details are wanted of every machine, or machines that do the same are told together.
fn told(group: &PlanGroup, verbosity: Verbosity) -> Vec<Told<'_>> {
    if verbosity < Verbosity::Verbose {
        fold(&group.steps)
    } else {
        group.steps.iter().map(Told::One).collect()
    }
}

struct Layout {
    columns: Columns,
    /// Where lines are cut.
    edge: usize,
    digits: usize,
}

impl Layout {
    fn of<'a>(told: impl Iterator<Item = &'a Told<'a>>, width: usize, signs: Signs, steps: usize) -> Self {
        let single = told.filter_map(|told| match told {
            Told::One(step) => step.machine.as_deref(),
            Told::Alike(_) => None,
        });
        let widest = single.map(|name| Line::of(Tone::Plain, name).width()).max().unwrap_or(0);
        let columns = Columns::new(width, widest, signs);
        let edge = if width == usize::MAX { width } else { columns.width };
        Self { columns, edge, digits: steps.to_string().len() }
    }

    fn rows(&self, told: &Told<'_>) -> Vec<Line> {
        match told {
            Told::One(step) => vec![self.single(step)],
            Told::Alike(machines) => self.alike(machines),
        }
    }

    /// The machines, and below them what is done on each.
    fn alike(&self, machines: &[Vec<&PlannedStep>]) -> Vec<Line> {
        let names = machines.iter().filter_map(|steps| steps.first()?.machine.as_deref());
        let all = format!("{} ({})", ranges(names).join(", "), count(machines.len(), "machine"));
        let mut lines = wrap(&all, self.columns.width.saturating_sub(self.machine_at()));
        if lines.len() > LINES_OF_NAMES {
            lines.truncate(LINES_OF_NAMES - 1);
            lines.push(format!("and others ({} in all)", count(machines.len(), "machine")));
        }
        let names = lines.iter().map(|line| Line::blank().pad_to(self.machine_at()).plain(line));
        let steps = machines.first().into_iter().flatten().map(|step| {
            let (tone, sign) = sign(step.disruption);
            self.finish(Line::of(tone, sign).pad_to(self.machine_at() + 2), step)
        });
        names.chain(steps).collect()
    }

    fn single(&self, step: &PlannedStep) -> Line {
        let machine = match &step.machine {
            Some(machine) => Line::of(Tone::Plain, machine),
            None => Line::of(Tone::Dim, WHOLE_CLUSTER),
        };
        let (tone, sign) = sign(step.disruption);
        let begin = Line::of(tone, sign)
            .with(Tone::Dim, format!(" {:>width$}  ", step.number, width = self.digits))
            .joined(machine.cut_to(self.columns.machine))
            .pad_to(self.title_at());
        self.finish(begin, step)
    }

    /// Adds what is done, why, and how sure that is.
    fn finish(&self, begin: Line, step: &PlannedStep) -> Line {
        let (tone, _) = sign(step.disruption);
        let mut line =
            begin.with(if step.disruption == Disruption::Adds { Tone::Plain } else { tone }, &step.title);
        let opaque = (step.certainty == Certainty::Opaque).then_some(OPAQUE);
        for remark in [step.reason.as_deref(), opaque].into_iter().flatten() {
            line = line.with(Tone::Dim, format!("  {} {remark}", self.columns.signs.dot()));
        }
        line.cut_to(self.edge)
    }

    fn machine_at(&self) -> usize {
        self.digits + 4
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

/// `300 machines: 297 join, 1 changes, 2 leave`
fn affected(plan: &PlanView) -> Option<Line> {
    let machines = &plan.machines;
    let all = machines.joining + machines.changing + machines.leaving + machines.untouched;
    let fates = [
        (machines.joining, "joins", "join"),
        (machines.changing, "changes", "change"),
        (machines.leaving, "leaves", "leave"),
        (machines.untouched, "stays as it is", "stay as they are"),
    ];
    let told: Vec<String> = fates
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }))
        .collect();
    (all > 0).then(|| Line::of(Tone::Strong, count(all, "machine")).plain(format!(": {}", told.join(", "))))
}

/// Who is left out, and why: those with one reason together.
fn set_aside(plan: &PlanView, width: usize) -> Vec<Line> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for problem in &plan.set_aside {
        let seen = problem.seen.first().map(|seen| format!(": {seen}")).unwrap_or_default();
        let reason = format!("{}{seen}", problem.message);
        let machine = problem.machine.as_deref().unwrap_or(WHOLE_CLUSTER);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, machines)) => machines.push(machine),
            None => reasons.push((reason, vec![machine])),
        }
    }
    let mut rows = Vec::new();
    for (reason, machines) in reasons {
        let names = ranges(machines).join(", ");
        let lines = wrap(&format!("set aside: {names}: {reason}"), width);
        rows.extend(lines.iter().map(|line| Line::of(Tone::Caution, line)));
    }
    rows
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
