//! Decides once, from flags and surroundings, how the program speaks: to a person, to a log or to a program.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use super::palette::{Palette, Signs};
use super::screen::{Size, SizeSource};
use super::sink::Sink;
use crate::redact::Redactions;

/// The width of output that nobody's terminal limits.
const UNLIMITED: Size = Size { width: 111, height: 50 };

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Warnings, problems and questions.
    Quiet,
    /// What is done, too.
    #[default]
    Normal,
    /// What the machines print, too.
    Verbose,
}

/// What standard output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Data for people. All talk goes to standard error.
    #[default]
    Text,
    /// `--output json` of a command that changes something: all talk, one JSON event a line.
    Events,
    /// `--output json` of a command that looks: one JSON document. All talk goes to standard error.
    Document,
}

/// Whether consent was given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Assent {
    /// Questions are asked.
    #[default]
    Ask,
    /// `--yes`: whatever a yes answers is answered.
    Yes,
}

/// What the command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// What standard output carries.
    pub output: Output,
    /// How much is said.
    pub verbosity: Verbosity,
    /// Whether questions are answered beforehand.
    pub assent: Assent,
}

/// Reads an environment variable by its name; one that is not text counts as not set.
pub type VariableSource = Box<dyn Fn(&str) -> Option<String>>;

/// What the program was started in.
pub struct Surroundings {
    /// Whether somebody may type.
    pub stdin_is_terminal: bool,
    /// Whether somebody looks at the talk.
    pub stderr_is_terminal: bool,
    /// Reads an environment variable.
    pub variable: VariableSource,
}

impl Surroundings {
    /// Looks at this process.
    pub fn of_this_process() -> Self {
        Self {
            stdin_is_terminal: io::stdin().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            variable: Box::new(|name| std::env::var(name).ok()),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        (self.variable)(name).is_some_and(|value| !value.is_empty())
    }

    fn is_on(&self, name: &str) -> bool {
        (self.variable)(name).is_some_and(|value| !value.is_empty() && value != "0")
    }

    /// Tells whether the terminal can move its cursor.
    fn can_draw(&self) -> bool {
        self.stderr_is_terminal
            && (self.variable)("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
    }

    /// Follows <https://no-color.org> and <https://bixense.com/clicolors>.
    fn palette(&self) -> Palette {
        let switched_off = (self.variable)("CLICOLOR").is_some_and(|value| value == "0");
        if self.is_set("NO_COLOR") {
            Palette::Plain
        } else if self.is_on("CLICOLOR_FORCE") || (self.can_draw() && !switched_off) {
            Palette::Ansi
        } else {
            Palette::Plain
        }
    }

    /// The first of these variables that is set decides (POSIX, locale(7)).
    fn signs(&self) -> Signs {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| {
            let value = (self.variable)(name)?;
            (!value.is_empty()).then_some(value)
        });
        let locale = locale.unwrap_or_default().to_ascii_uppercase();
        if locale.contains("UTF-8") || locale.contains("UTF8") { Signs::Unicode } else { Signs::Ascii }
    }
}

/// How talk is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talk {
    /// On a terminal that draws.
    Live,
    /// As lines with timestamps.
    Lines,
    /// As JSON events on standard output.
    Events,
}

/// Whether somebody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Person,
    Nobody,
}

/// Where everything goes.
pub struct Streams {
    /// Standard output: data only.
    pub stdout: Box<dyn Write + Send>,
    /// Standard error: talk.
    pub stderr: Box<dyn Write + Send>,
    /// The size of the terminal behind `stderr`.
    pub size: SizeSource,
}

impl Streams {
    /// Returns this process' own streams.
    pub fn of_this_process() -> Self {
        Self { stdout: Box::new(io::stdout()), stderr: Box::new(io::stderr()), size: Arc::new(terminal_size) }
    }
}

/// Returns the columns there are on standard output; text that goes to a file or another program has as many as it likes.
pub fn columns_of_output() -> usize {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => usize::MAX,
    }
}

fn terminal_size() -> Size {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size { width: size.ws_col, height: size.ws_row },
        _ => UNLIMITED,
    }
}

/// How the program speaks, and where to.
pub struct Printer {
    pub(super) talk: Talk,
    pub(super) output: Output,
    pub(super) verbosity: Verbosity,
    pub(super) assent: Assent,
    pub(super) audience: Audience,
    pub(super) palette: Palette,
    pub(super) signs: Signs,
    pub(super) stdout: Sink,
    pub(super) stderr: Sink,
    pub(super) size: SizeSource,
    pub(super) redactions: Redactions,
}

impl Printer {
    /// Decides how to speak.
    pub fn new(
        wanted: Wanted,
        surroundings: &Surroundings,
        streams: Streams,
        redactions: Redactions,
    ) -> Self {
        let talk = match wanted.output {
            Output::Events => Talk::Events,
            Output::Text | Output::Document if surroundings.can_draw() => Talk::Live,
            Output::Text | Output::Document => Talk::Lines,
        };
        let somebody = surroundings.stdin_is_terminal && surroundings.stderr_is_terminal;
        Self {
            talk,
            output: wanted.output,
            verbosity: wanted.verbosity,
            assent: wanted.assent,
            audience: if somebody && talk != Talk::Events { Audience::Person } else { Audience::Nobody },
            palette: surroundings.palette(),
            signs: surroundings.signs(),
            stdout: Sink::new(streams.stdout, redactions.clone()),
            stderr: Sink::new(streams.stderr, redactions.clone()),
            size: streams.size,
            redactions,
        }
    }

    /// Returns the columns there are for talk.
    pub(super) fn width(&self) -> usize {
        usize::from((self.size)().width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(terminal: bool, variables: &'static [(&str, &str)]) -> Surroundings {
        Surroundings {
            stdin_is_terminal: terminal,
            stderr_is_terminal: terminal,
            variable: Box::new(move |wanted| {
                variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
            }),
        }
    }

    fn printer(output: Output, surroundings: &Surroundings) -> Printer {
        let streams = Streams {
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
            size: Arc::new(|| UNLIMITED),
        };
        Printer::new(Wanted { output, ..Wanted::default() }, surroundings, streams, Redactions::default())
    }

    #[test]
    fn the_surroundings_decide_how_to_speak() {
        use Palette::{Ansi, Plain};
        type Variables = &'static [(&'static str, &'static str)];
        let table: [(bool, Variables, Talk, Palette); 9] = [
            (true, &[("TERM", "xterm")], Talk::Live, Ansi),
            (true, &[("TERM", "xterm"), ("NO_COLOR", "1")], Talk::Live, Plain),
            (true, &[("TERM", "xterm"), ("NO_COLOR", "")], Talk::Live, Ansi),
            (true, &[("TERM", "xterm"), ("CLICOLOR", "0")], Talk::Live, Plain),
            (true, &[("TERM", "dumb")], Talk::Lines, Plain),
            (true, &[], Talk::Lines, Plain),
            (false, &[("TERM", "xterm")], Talk::Lines, Plain),
            (false, &[("CLICOLOR_FORCE", "1")], Talk::Lines, Ansi),
            (false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], Talk::Lines, Plain),
        ];
        for (terminal, variables, talk, palette) in table {
            let printer = printer(Output::Text, &surroundings(terminal, variables));
            assert_eq!((printer.talk, printer.palette), (talk, palette), "{terminal} {variables:?}");
        }
    }

    #[test]
    fn a_program_that_reads_events_is_never_asked() {
        let somebody = surroundings(true, &[("TERM", "xterm")]);
        assert_eq!(printer(Output::Events, &somebody).audience, Audience::Nobody);
        assert_eq!(printer(Output::Document, &somebody).audience, Audience::Person);
        assert_eq!(printer(Output::Text, &surroundings(false, &[])).audience, Audience::Nobody);
    }

    #[test]
    fn signs_follow_the_locale() {
        let table: [(&'static [(&str, &str)], Signs); 4] = [
            (&[("LANG", "de_DE.UTF-8")], Signs::Unicode),
            (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], Signs::Ascii),
            (&[("LC_CTYPE", "C.utf8")], Signs::Unicode),
            (&[], Signs::Ascii),
        ];
        for (variables, signs) in table {
            assert_eq!(surroundings(true, variables).signs(), signs, "{variables:?}");
        }
    }
}
