//! What goes wrong in a template: first without a place, then at an offset, then as a problem with the line.

use crate::error::{Class, Problem};

/// A failure of a function or of an operation, which does not know where in the template it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What is wrong, in one sentence without a full stop.
    pub(super) message: String,
    /// The argument that is to blame, counted from zero, when it is one of them.
    pub(super) argument: Option<usize>,
    /// What the author can do about it.
    pub(super) remedy: Option<String>,
}

/// What a function of a template gives.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Says what is wrong.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), argument: None, remedy: None }
    }

    /// Says which argument is to blame, counted from zero.
    pub(super) fn in_argument(mut self, index: usize) -> Self {
        self.argument = Some(index);
        self
    }

    /// Says what the author can do.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Places the failure at a byte offset of the template.
    pub(super) fn at(self, offset: usize) -> Fault {
        Fault { offset, failure: self }
    }
}

/// A failure at a place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    offset: usize,
    failure: Failure,
}

impl Fault {
    /// Says what is wrong at a byte offset of the template.
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Failure::new(message).at(offset)
    }

    /// Tells the fault with `name:line:column`, the line itself and a caret below the place.
    ///
    /// Lines and columns are counted from one; columns in characters.
    pub(super) fn into_problem(self, name: &str, source: &str) -> Problem {
        let offset = source.floor_char_boundary(self.offset);
        let begin = source[..offset].rfind('\n').map_or(0, |newline| newline + 1);
        let end = source[offset..].find('\n').map_or(source.len(), |length| offset + length);
        let line = source[..begin].matches('\n').count() + 1;
        let before = source[begin..offset].chars().count();
        let Failure { message, remedy, .. } = self.failure;
        let problem = Problem::new(Class::Config, format!("{name}:{line}:{}: {message}", before + 1))
            .saw(excerpt(&source[begin..end], before));
        match remedy {
            Some(remedy) => problem.remedy(remedy),
            None => problem,
        }
    }
}

/// How many characters of a long line are shown on each side of the place.
const MARGIN: usize = 60;

/// Shows the part of `line` around the character number `place`, with a caret below that.
fn excerpt(line: &str, place: usize) -> String {
    let skipped = place.saturating_sub(MARGIN);
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    let part: String = line.chars().skip(skipped).take(2 * MARGIN).map(shown).collect();
    format!("{}\n{}^", part.trim_end(), " ".repeat(place - skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_line_and_points_at_the_place() {
        let source = "one\nzwö {{ foo }}\nthree";
        let problem = Fault::new(source.find("foo").unwrap(), "unknown").into_problem("a.tmpl", source);
        assert_eq!(problem.message, "a.tmpl:2:8: unknown");
        assert_eq!(problem.seen, ["zwö {{ foo }}\n       ^"]);
    }

    #[test]
    fn the_end_of_the_text_is_a_place_too() {
        let problem = Fault::new(4, "unexpected end").into_problem("a", "abc\n");
        assert_eq!((problem.message.as_str(), problem.seen[0].as_str()), ("a:2:1: unexpected end", "\n^"));
    }

    #[test]
    fn of_a_long_line_only_the_part_around_the_place_is_shown() {
        let source = "x".repeat(1000);
        let problem = Fault::new(500, "here").into_problem("a", &source);
        assert_eq!(problem.seen[0], format!("{}\n{}^", "x".repeat(120), " ".repeat(60)));
    }
}
