//! The columns of the list of steps: a sign, the machine, what is done, and the time at the right edge.

use super::line::{Line, Tone};
use super::palette::Signs;

/// Text wider than this is hard to read across, however wide the terminal is.
const WIDEST: usize = 110;

/// What the machine's column says of a step of the whole cluster.
pub(super) const WHOLE_CLUSTER: &str = "cluster";

/// How a list is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// The columns of the terminal.
    pub(super) width: usize,
    /// The columns of the longest machine name.
    pub(super) machine: usize,
    pub(super) signs: Signs,
}

impl Columns {
    /// Lays out a list for a terminal of `width` columns and machines with names of up to `machine` columns.
    pub(super) fn new(width: usize, machine: usize, signs: Signs) -> Self {
        let width = width.saturating_sub(1).clamp(20, WIDEST);
        Self {
            width,
            machine: machine.clamp(WHOLE_CLUSTER.len(), (width / 3).max(WHOLE_CLUSTER.len())),
            signs,
        }
    }

    /// Begins a row with its sign and its machine.
    pub(super) fn begin(&self, sign: (Tone, &str), machine: Option<&str>) -> Line {
        let name = match machine {
            Some(machine) => Line::of(Tone::Plain, machine),
            None => Line::of(Tone::Dim, WHOLE_CLUSTER),
        };
        self.begin_with(sign, name)
    }

    /// Begins a row with its sign and the number of its machines.
    pub(super) fn begin_many(&self, sign: (Tone, &str), machines: &str) -> Line {
        self.begin_with(sign, Line::of(Tone::Plain, machines))
    }

    /// Begins a row that belongs to the one above it.
    pub(super) fn continue_row(&self) -> Line {
        Line::blank().pad_to(self.title_at())
    }

    /// Returns the column at which titles begin.
    pub(super) fn title_at(&self) -> usize {
        2 + self.machine + 2
    }

    /// Returns how many columns there are from the titles to the right edge.
    pub(super) fn text_columns(&self) -> usize {
        self.width.saturating_sub(self.title_at())
    }

    fn begin_with(&self, (tone, sign): (Tone, &str), name: Line) -> Line {
        Line::of(tone, sign).plain(" ").joined(name.cut_to(self.machine)).pad_to(self.title_at())
    }
}
