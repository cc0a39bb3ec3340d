//! One line of text whose pieces carry a tone; it is measured and cut before it is coloured.

use unicode_width::UnicodeWidthStr;

use super::measure::shorten;
use super::palette::Palette;
use super::sanitise::one_line;

/// What a piece of text is, from which its colour follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Text.
    Plain,
    /// What the eye should find first.
    Strong,
    /// What is only read when looked for.
    Dim,
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// Something to look at.
    Caution,
    /// Something that moves.
    Active,
}

/// A line without its end. Nothing gets into it that could move a cursor or end a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Tone, String)>);

impl Line {
    /// Makes a line of one piece.
    pub(super) fn of(tone: Tone, text: impl AsRef<str>) -> Self {
        Self::default().with(tone, text)
    }

    /// Makes an empty line.
    pub(super) fn blank() -> Self {
        Self::default()
    }

    /// Appends a piece.
    #[must_use]
    pub(super) fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.0.push((tone, one_line(text.as_ref())));
        self
    }

    /// Appends text of no tone.
    #[must_use]
    pub(super) fn plain(self, text: impl AsRef<str>) -> Self {
        self.with(Tone::Plain, text)
    }

    /// Appends blanks until the line is `columns` wide.
    #[must_use]
    pub(super) fn pad_to(self, columns: usize) -> Self {
        let missing = columns.saturating_sub(self.width());
        self.plain(" ".repeat(missing))
    }

    /// Cuts the line to `columns`, with an ellipsis where something is missing.
    #[must_use]
    pub(super) fn cut_to(self, columns: usize) -> Self {
        let mut room = columns;
        let mut kept = vec![];
        for (tone, text) in self.0 {
            let width = text.width();
            if width <= room {
                room -= width;
                kept.push((tone, text));
            } else {
                kept.push((tone, shorten(&text, room)));
                break;
            }
        }
        Self(kept)
    }

    /// Puts `right` at the right edge of `columns`, cutting this line where they would meet.
    #[must_use]
    pub(super) fn with_right(self, right: Self, columns: usize) -> Self {
        let room = columns.saturating_sub(right.width() + 2);
        self.cut_to(room).pad_to(room + 2).joined(right)
    }

    /// Appends another line's pieces.
    #[must_use]
    pub(super) fn joined(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns how many columns it takes.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    /// Renders it in the colours of `palette`, without blanks at its end.
    pub(super) fn render(&self, palette: Palette) -> String {
        let mut pieces: Vec<(Tone, &str)> =
            self.0.iter().map(|(tone, text)| (*tone, text.as_str())).collect();
        while let Some((_, text)) = pieces.last_mut() {
            *text = text.trim_end();
            if !text.is_empty() {
                break;
            }
            pieces.pop();
        }
        pieces.iter().map(|(tone, text)| palette.paint(*tone, text)).collect()
    }
}

/// Renders lines as text, each with its end.
pub(super) fn render_all(lines: &[Line], palette: Palette) -> String {
    lines.iter().map(|line| line.render(palette) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_and_padded_by_columns_not_by_bytes() {
        let line = Line::of(Tone::Good, "✓ ").plain("日本語 text");
        assert_eq!(line.width(), 13);
        assert_eq!(line.clone().cut_to(7).render(Palette::Plain), "✓ 日本…");
        assert_eq!(line.clone().cut_to(6).render(Palette::Plain), "✓ 日…");
        assert_eq!(line.clone().cut_to(13), line);
        assert_eq!(line.with_right(Line::of(Tone::Dim, "3.2s"), 12).render(Palette::Plain), "✓ 日…   3.2s");
    }

    #[test]
    fn nothing_gets_into_a_line_that_moves_the_cursor() {
        let line = Line::of(Tone::Plain, "a\x1b[2Jb\rc\nd\x07");
        assert_eq!(line.render(Palette::Plain), "ab c d");
    }

    #[test]
    fn colour_is_all_that_a_palette_changes() {
        let line = Line::of(Tone::Bad, "failed").plain("  ").with(Tone::Dim, "  ");
        assert_eq!(line.render(Palette::Plain), "failed");
        assert_eq!(anstream::adapter::strip_str(&line.render(Palette::Ansi)).to_string(), "failed");
        assert!(line.render(Palette::Ansi).contains('\x1b'));
    }
}
