//! Places in a Kubefile, and problems that show them: file, line, column, the line itself and a mark below it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Class, Problem};

/// The longest part of a line that a problem shows, in characters.
const LONGEST_EXCERPT: usize = 120;

/// A Kubefile's text, with its name for messages.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

/// A line and a column, counted from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Source {
    /// Takes a text without its byte order mark, so that offsets are those of the parser.
    pub(crate) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.trim_start_matches('\u{feff}').to_owned() }
    }

    /// Returns the whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns a part of the text as one line, with runs of white space and continuations made one space.
    pub(crate) fn one_line(&self, span: Range<usize>) -> String {
        let words = self.text.get(span).unwrap_or_default().split_whitespace();
        words.filter(|word| *word != "\\").collect::<Vec<_>>().join(" ")
    }

    /// Returns the place of a byte offset.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// Makes a problem that shows a place.
    pub(crate) fn problem(&self, place: Place, message: &str) -> Problem {
        let at = format!("{}:{place}", self.path.display());
        let line = self.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        // A long line is shown around the place.
        let skipped = place.column.saturating_sub(LONGEST_EXCERPT);
        let shown: String = line.chars().skip(skipped).take(LONGEST_EXCERPT).collect();
        let mark = " ".repeat(place.column.saturating_sub(skipped + 1));
        Problem::new(Class::Config, format!("{at}: {message}"))
            .saw(format!("{} | {}", place.line, shown.replace('\t', " ")))
            .saw(format!("{} | {mark}^", " ".repeat(place.line.to_string().len())))
    }
}
