//! Problems: one as a short report, many as a table of machines with what is wrong and what to do.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, TableComponent, Width};

use super::line::{Line, Tone, render_all};
use super::measure::{count, wrap};
use super::palette::{Palette, Signs};
use super::printer::{Printer, Verbosity};
use crate::error::Problem;

/// The headings of the table.
const COLUMNS: [&str; 3] = ["machine", "what is wrong", "what to do"];

/// Of machines with the same problem, the first ones are named.
const NAMES_SHOWN: usize = 4;

/// Of the evidence, the last lines are shown in a table.
const EVIDENCE_SHOWN: usize = 4;

/// Evidence and hints are indented to here, under the words in front of them.
const LABEL: usize = 11;

/// Tells one problem.
pub(super) fn single(problem: &Problem, printer: &Printer) -> String {
    let room = text_width(printer.width());
    let mut rows: Vec<Line> = vec![];
    for (index, text) in wrap(&problem.message, room - 7).into_iter().enumerate() {
        let label = if index == 0 { Line::of(Tone::Bad, "error: ") } else { Line::blank().pad_to(7) };
        rows.push(label.with(Tone::Strong, text));
    }
    rows.extend(labelled("machine", problem.machine.iter().cloned()));
    rows.extend(labelled("step", problem.step.iter().cloned()));
    rows.extend(labelled("seen", problem.seen.iter().flat_map(|seen| seen.lines()).map(str::to_owned)));
    rows.extend(hints(&problem.remedies, room));
    render_all(&rows, printer.palette)
}

/// Tells many problems in a table, after a line that counts them.
pub(super) fn table(problems: &[Problem], printer: &Printer) -> String {
    if let [problem] = problems {
        return single(problem, printer);
    }
    if problems.iter().all(|problem| problem.machine.is_none()) {
        return one_after_the_other(problems, printer);
    }
    let heading = Line::of(Tone::Bad, "error: ").with(Tone::Strong, counted(problems));
    heading.render(printer.palette) + "\n" + &rows(problems, printer)
}

/// Problems of files have excerpts, which no column of a table is wide enough for.
fn one_after_the_other(problems: &[Problem], printer: &Printer) -> String {
    let told: Vec<String> = problems.iter().map(|problem| single(problem, printer)).collect();
    let end = Line::of(Tone::Bad, "error: ").with(Tone::Strong, counted(problems));
    format!("{}\n{}\n", told.join("\n"), end.render(printer.palette))
}

/// Draws the table alone.
pub(super) fn rows(problems: &[Problem], printer: &Printer) -> String {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(text_width(printer.width()) as u16)
        .set_header(COLUMNS.map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    rule(&mut table, printer.signs);
    // Whether there are colours was decided already, and not by what this crate thinks of standard output.
    if printer.palette == Palette::Ansi {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for same in fold(problems) {
        table.add_row([
            Cell::new(same.names(printer.verbosity)).add_attribute(Attribute::Bold),
            Cell::new(same.wrong(printer)),
            Cell::new(same.remedies.join("\n")),
        ]);
    }
    if let Some(machines) = table.column_mut(0) {
        machines.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(34)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // A styled cell carries its own end, which keeps the blanks before it.
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Draws a rule under the headings and leaves a blank line between the rows.
fn rule(table: &mut Table, signs: Signs) {
    let line = if signs == Signs::Unicode { '─' } else { '-' };
    table
        .set_style(TableComponent::HeaderLines, line)
        .set_style(TableComponent::MiddleHeaderIntersections, line)
        .set_style(TableComponent::HorizontalLines, ' ')
        .set_style(TableComponent::MiddleIntersections, ' ');
}

/// The same problem, as many machines may have it.
struct Same<'a> {
    step: Option<&'a str>,
    message: &'a str,
    remedies: &'a [String],
    machines: Vec<&'a str>,
    evidence: Vec<&'a str>,
}

fn fold(problems: &[Problem]) -> Vec<Same<'_>> {
    let mut folded: Vec<Same<'_>> = vec![];
    for problem in problems {
        let step = problem.step.as_deref();
        let place = folded.iter().position(|same| {
            (same.step, same.message, same.remedies) == (step, &problem.message, &problem.remedies[..])
        });
        let same = if let Some(place) = place {
            &mut folded[place]
        } else {
            folded.push(Same {
                step,
                message: &problem.message,
                remedies: &problem.remedies,
                machines: vec![],
                evidence: vec![],
            });
            let last = folded.len() - 1;
            &mut folded[last]
        };
        same.machines.extend(problem.machine.as_deref());
        for line in problem.seen.iter().flat_map(|seen| seen.lines()) {
            if !same.evidence.contains(&line) {
                same.evidence.push(line);
            }
        }
    }
    folded
}

impl Same<'_> {
    fn names(&self, verbosity: Verbosity) -> String {
        let many = self.machines.len();
        if many <= NAMES_SHOWN + 1 || verbosity == Verbosity::Verbose {
            return self.machines.join("\n");
        }
        format!("{}\nand {} more", self.machines[..NAMES_SHOWN].join("\n"), many - NAMES_SHOWN)
    }

    fn wrong(&self, printer: &Printer) -> String {
        let mut lines = vec![self.message.to_owned()];
        lines.extend(self.step.map(|step| format!("during: {step}")));
        let spare = match printer.verbosity {
            Verbosity::Verbose => 0,
            _ => self.evidence.len().saturating_sub(EVIDENCE_SHOWN),
        };
        if spare > 0 {
            lines.push(format!("{} ({} before)", printer.signs.quote(), count(spare, "line")));
        }
        lines.extend(self.evidence[spare..].iter().map(|line| format!("{} {line}", printer.signs.quote())));
        lines.join("\n")
    }
}

fn counted(problems: &[Problem]) -> String {
    let mut machines: Vec<&str> = problems.iter().filter_map(|problem| problem.machine.as_deref()).collect();
    machines.sort_unstable();
    machines.dedup();
    let problems = count(problems.len(), "problem");
    if machines.is_empty() { problems } else { format!("{problems} on {}", count(machines.len(), "machine")) }
}

fn labelled(label: &str, texts: impl Iterator<Item = String>) -> Vec<Line> {
    let label = |index| Line::of(Tone::Dim, if index == 0 { format!("  {label}") } else { String::new() });
    texts.enumerate().map(|(index, text)| label(index).pad_to(LABEL).plain(text)).collect()
}

fn hints(remedies: &[String], room: usize) -> Vec<Line> {
    let mut rows = vec![];
    for remedy in remedies {
        rows.push(Line::blank());
        for (index, text) in wrap(remedy, room - 6).into_iter().enumerate() {
            let label = if index == 0 { Line::of(Tone::Active, "hint: ") } else { Line::blank().pad_to(6) };
            rows.push(label.plain(text));
        }
    }
    rows
}

fn text_width(terminal: usize) -> usize {
    terminal.saturating_sub(1).clamp(40, 110)
}
