//! Where something stands in the files that are read, and how such a place is shown.

use unicode_width::UnicodeWidthStr;

use super::discretion;

/// How many columns of a long line are shown on each side of a place.
const MARGIN: usize = 36;

/// A piece of one of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// Which text.
    pub(super) text: usize,
    /// The byte it begins at.
    pub(super) start: usize,
    /// The byte after it.
    pub(super) end: usize,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located<T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) place: Place,
}

impl<T> Located<T> {
    /// Puts a value at a place.
    pub(super) fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// Makes another value of it, at the same place.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: make(self.value), place: self.place }
    }
}

/// A text that is read, with the name that messages call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// The file's path, or what else it came from.
    pub(super) name: String,
    /// What stands in it.
    pub(super) text: String,
}

impl Text {
    /// Returns `name:line:column` of a byte; both are counted from one, columns in characters.
    pub(super) fn position(&self, at: usize) -> String {
        let (number, line) = self.line(at);
        format!("{}:{number}:{}", self.name, self.text[line.0..self.boundary(at)].chars().count() + 1)
    }

    /// Shows the line of a place with carets below it; what looks like a secret is hidden.
    pub(super) fn excerpt(&self, place: Place) -> String {
        let (number, (begin, end)) = self.line(place.start);
        let start = self.boundary(place.start);
        let before = shown(&self.text[begin..start]);
        let marked = shown(&self.text[start..self.boundary(place.end).clamp(start, end)]);
        let line = discretion::hide(&self.text, begin, &shown(&self.text[begin..end]));

        let skipped = before.width().saturating_sub(MARGIN);
        let line: String = line.chars().skip(skipped).take(2 * MARGIN).collect();
        let carets = marked.width().clamp(1, (2 * MARGIN).saturating_sub(before.width() - skipped).max(1));
        let gutter = number.to_string();
        format!(
            "{gutter} | {}\n{} | {}{}",
            line.trim_end(),
            " ".repeat(gutter.len()),
            " ".repeat(before.width() - skipped),
            "^".repeat(carets)
        )
    }

    /// Returns the number of the line that a byte is in, and where it begins and ends.
    fn line(&self, at: usize) -> (usize, (usize, usize)) {
        let at = self.boundary(at);
        let begin = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
        (self.text[..begin].matches('\n').count() + 1, (begin, end))
    }

    fn boundary(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at)
    }
}

/// A line as it can be shown: a tab or another control character is one blank wide.
fn shown(part: &str) -> String {
    part.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
