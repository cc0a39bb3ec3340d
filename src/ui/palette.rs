//! The few colours, and the signs that carry the same meaning without them.

use anstyle::{AnsiColor, Style};

use super::line::Tone;

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Palette {
    /// No escape sequence at all.
    Plain,
    /// The terminal's own sixteen colours, so that they suit its background.
    Ansi,
}

impl Palette {
    /// Paints `text` in the colour of `tone`.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let style = style(tone);
        if self == Self::Plain || text.is_empty() || style.is_plain() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Strong => Style::new().bold(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Caution => AnsiColor::Yellow.on_default(),
        Tone::Active => AnsiColor::Cyan.on_default(),
    }
}

/// The signs, for terminals with and without Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signs {
    /// For a locale that is not UTF-8.
    Ascii,
    /// For all others.
    Unicode,
}

impl Signs {
    /// It succeeded.
    pub(super) fn good(self) -> &'static str {
        self.choose("+", "✓")
    }

    /// It failed.
    pub(super) fn bad(self) -> &'static str {
        self.choose("x", "✗")
    }

    /// It was not tried.
    pub(super) fn skipped(self) -> &'static str {
        self.choose("-", "○")
    }

    /// It was stopped.
    pub(super) fn stopped(self) -> &'static str {
        self.choose("#", "■")
    }

    /// It is tried again.
    pub(super) fn retried(self) -> &'static str {
        self.choose("~", "↻")
    }

    /// A line quoted from elsewhere.
    pub(super) fn quote(self) -> &'static str {
        self.choose("|", "│")
    }

    /// Between two facts of one line.
    pub(super) fn dot(self) -> &'static str {
        self.choose("-", "·")
    }

    /// The frame of the spinner at `milliseconds` of a run.
    pub(super) fn spinner(self, milliseconds: u128) -> &'static str {
        const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
        const UNICODE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        let frames: &[&'static str] = self.choose(&ASCII, &UNICODE);
        frames[(milliseconds / 100) as usize % frames.len()]
    }

    /// The filled and the empty part of a bar `columns` wide.
    pub(super) fn bar(self, share: f64, columns: usize) -> (String, String) {
        let (full, empty) = self.choose(("=", "."), ("━", "─"));
        let filled = ((share.clamp(0.0, 1.0) * columns as f64) as usize).min(columns);
        (full.repeat(filled), empty.repeat(columns - filled))
    }

    fn choose<T>(self, ascii: T, unicode: T) -> T {
        match self {
            Self::Ascii => ascii,
            Self::Unicode => unicode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_always_as_wide_as_asked() {
        for share in [-1.0, 0.0, 0.33, 0.999, 1.0, 7.0, f64::NAN] {
            let (full, empty) = Signs::Ascii.bar(share, 12);
            assert_eq!(full.len() + empty.len(), 12, "{share}");
        }
        assert_eq!(Signs::Unicode.bar(0.5, 4), ("━━".to_owned(), "──".to_owned()));
    }
}
