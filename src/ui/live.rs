//! The part of the screen that moves: a line for each step that runs, and one for the run.

use std::time::Duration;

use super::board::{Board, Phase, Running, Transfer};
use super::column::Columns;
use super::line::{Line, Tone};
use super::measure::{bytes, clock, count, duration, part};
use super::palette::Signs;
use super::printer::Verbosity;

/// However high the terminal is, more rows than this are more than an eye can follow.
const MOST_ROWS: usize = 16;

/// The width of a bar.
const BAR: usize = 16;

/// What the moving part is drawn for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) columns: Columns,
    /// The rows of the terminal.
    pub(super) height: usize,
    pub(super) verbosity: Verbosity,
    /// The time since the program began.
    pub(super) now: Duration,
}

/// Draws the running steps and, under them, the line of the run.
pub(super) fn rows(board: &Board, frame: &Frame) -> Vec<Line> {
    if board.phase == Phase::Idle {
        return vec![];
    }
    let room = frame.height.saturating_sub(4).clamp(1, MOST_ROWS);
    let mut rows = running_rows(board, frame, room);
    rows.push(overall(board, frame));
    rows
}

/// Draws one line that says what is going on outside of a run.
pub(super) fn note(text: &str, since: Duration, frame: &Frame) -> Line {
    let elapsed = frame.now.saturating_sub(since);
    let line = Line::of(Tone::Active, spinner(frame)).plain(" ").plain(text);
    // A time that changes is only worth looking at when the wait is felt.
    if elapsed.as_secs() < 2 {
        return line.cut_to(frame.columns.width);
    }
    line.with_right(Line::of(Tone::Dim, duration(elapsed)), frame.columns.width)
}

/// The running steps that share a row.
struct Crowd<'a> {
    title: &'a str,
    steps: Vec<&'a Running>,
}

fn running_rows(board: &Board, frame: &Frame, room: usize) -> Vec<Line> {
    let crowds = crowds(board, room);
    let hidden = crowds.len().saturating_sub(room);
    let shown = if hidden > 0 { room - 1 } else { crowds.len() };
    let mut rows: Vec<Line> = crowds[..shown].iter().map(|crowd| row(crowd, board, frame)).collect();
    if hidden > 0 {
        let more = format!("and {} more", crowds.len() - shown);
        rows.push(frame.columns.continue_row().with(Tone::Dim, more));
    }
    if frame.verbosity == Verbosity::Verbose {
        rows = with_output(&crowds[..shown], rows, room, frame);
    }
    rows
}

/// Gathers the running steps by title where their title is folded, and everywhere if there is no room else.
fn crowds(board: &Board, room: usize) -> Vec<Crowd<'_>> {
    let gather = |everywhere: bool| {
        let mut crowds: Vec<Crowd<'_>> = vec![];
        for running in board.running.values() {
            let together = everywhere || board.folds(&running.title);
            match crowds.iter_mut().find(|crowd| together && crowd.title == running.title) {
                Some(crowd) => crowd.steps.push(running),
                None => crowds.push(Crowd { title: &running.title, steps: vec![running] }),
            }
        }
        crowds
    };
    let crowds = gather(false);
    if crowds.len() > room { gather(true) } else { crowds }
}

fn row(crowd: &Crowd<'_>, board: &Board, frame: &Frame) -> Line {
    let sign = (Tone::Active, spinner(frame));
    let columns = &frame.columns;
    match crowd.steps[..] {
        [running] if !board.folds(crowd.title) => {
            let mut row = columns.begin(sign, running.machine.as_deref()).plain(crowd.title);
            if let Some((times, message)) = &running.retries {
                let again = format!("  {} try {}", columns.signs.retried(), times + 1);
                row = row.with(Tone::Caution, again).with(Tone::Dim, format!(" ({message})"));
            }
            finish_row(row, transfers(crowd).as_ref(), frame.now.saturating_sub(running.began), columns)
        }
        _ => {
            let row = columns.begin_many(sign, &count(crowd.steps.len(), "machine")).plain(crowd.title);
            let row = row.joined(counts(crowd, board));
            let oldest = crowd.steps.iter().map(|running| running.began).min().unwrap_or(frame.now);
            finish_row(row, transfers(crowd).as_ref(), frame.now.saturating_sub(oldest), columns)
        }
    }
}

fn counts(crowd: &Crowd<'_>, board: &Board) -> Line {
    let Some(title) = board.titles.get(crowd.title).filter(|title| title.planned > 0) else {
        return Line::blank();
    };
    let line = Line::of(Tone::Dim, format!("  {} of {}", title.tally.succeeded, title.planned));
    if title.tally.failed == 0 {
        return line;
    }
    line.with(Tone::Bad, format!("  {} failed", title.tally.failed))
}

/// The transfers of a row taken together.
struct Moved {
    done: u64,
    total: u64,
    rate: u64,
}

fn transfers(crowd: &Crowd<'_>) -> Option<Moved> {
    let transfers: Vec<&Transfer> =
        crowd.steps.iter().filter_map(|running| running.transfer.as_ref()).collect();
    let sum = |of: fn(&Transfer) -> u64| transfers.iter().map(|transfer| of(transfer)).sum();
    if transfers.is_empty() {
        return None;
    }
    Some(Moved {
        done: sum(|transfer| transfer.done),
        total: sum(|transfer| transfer.total),
        rate: sum(Transfer::rate),
    })
}

/// Puts the transfer, as richly as there is room for, and the elapsed time at the right edge.
fn finish_row(row: Line, moved: Option<&Moved>, elapsed: Duration, columns: &Columns) -> Line {
    let time = Line::of(Tone::Dim, format!("{:>7}", duration(elapsed)));
    let Some(moved) = moved else { return row.with_right(time, columns.width) };
    let room = columns.width.saturating_sub(row.width() + 2 + time.width());
    let mut forms = forms(moved, columns.signs);
    let fits = forms.iter().position(|form| form.width() <= room).unwrap_or(forms.len() - 1);
    row.with_right(forms.swap_remove(fits).joined(time), columns.width)
}

/// The forms of a transfer, from the richest to the shortest. Each is always equally wide, so that nothing jumps.
fn forms(moved: &Moved, signs: Signs) -> Vec<Line> {
    let share = if moved.total == 0 { 0.0 } else { moved.done as f64 / moved.total as f64 };
    let (full, empty) = signs.bar(share, BAR);
    let bar = Line::of(Tone::Active, full).with(Tone::Dim, empty);
    let percent = format!("{:>4.0}%", share * 100.0);
    let amount = format!(" {}", part(moved.done, moved.total));
    let rate = format!(" {:>10}/s", bytes(moved.rate));
    vec![
        bar.plain(" ").plain(&amount).with(Tone::Dim, &rate),
        Line::of(Tone::Plain, &amount).with(Tone::Dim, &rate),
        Line::of(Tone::Plain, &percent).with(Tone::Dim, &rate),
        Line::of(Tone::Plain, &percent),
    ]
}

/// Puts what the steps printed last under their rows, as far as there is room.
fn with_output(crowds: &[Crowd<'_>], rows: Vec<Line>, room: usize, frame: &Frame) -> Vec<Line> {
    let mut spare = room.saturating_sub(rows.len());
    let mut all = vec![];
    let mut rows = rows.into_iter();
    for crowd in crowds {
        all.extend(rows.next());
        if let [running] = crowd.steps[..] {
            let said = running.said.len().min(spare);
            spare -= said;
            all.extend(running.said.iter().skip(running.said.len() - said).map(|line| quote(line, frame)));
        }
    }
    all.extend(rows);
    all
}

fn quote(line: &str, frame: &Frame) -> Line {
    let row = frame.columns.continue_row().with(Tone::Dim, frame.columns.signs.quote());
    row.plain(" ").with(Tone::Dim, line).cut_to(frame.columns.width)
}

fn overall(board: &Board, frame: &Frame) -> Line {
    let signs = frame.columns.signs;
    let share = board.ended() as f64 / board.planned.max(1) as f64;
    let (full, empty) = signs.bar(share, BAR);
    let dot = format!(" {} ", signs.dot());
    let mut line = Line::of(Tone::Strong, &board.cluster)
        .plain("  ")
        .with(Tone::Good, full)
        .with(Tone::Dim, empty)
        .plain(format!("  {} of {}", board.ended(), count(board.planned, "step")));
    if !board.running.is_empty() {
        line = line.with(Tone::Dim, &dot).plain(format!("{} running", board.running.len()));
    }
    if board.tally.failed > 0 {
        line = line.with(Tone::Dim, &dot).with(Tone::Bad, format!("{} failed", board.tally.failed));
    }
    if board.phase == Phase::Stopping {
        line = line.with(Tone::Dim, &dot).with(Tone::Caution, "stopping");
    }
    let elapsed = clock(frame.now.saturating_sub(board.began));
    line.with_right(Line::of(Tone::Strong, elapsed), frame.columns.width)
}

fn spinner(frame: &Frame) -> &'static str {
    frame.columns.signs.spinner(frame.now.as_millis())
}
