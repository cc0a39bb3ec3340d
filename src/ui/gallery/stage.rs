//! A terminal to tell runs to, whose clock stands still, and what was written there.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Zoned;

use crate::engine::{Event, Observer, Outcome};
use crate::redact::Redactions;
use crate::ui::clock::Clock;
use crate::ui::printer::{Printer, Streams, Surroundings, Wanted};
use crate::ui::progress::Ticking;
use crate::ui::screen::Size;
use crate::ui::terminal::Terminal;

/// A clock that moves only when it is told to.
pub(super) struct StillClock(Mutex<Duration>);

impl Clock for StillClock {
    fn local(&self) -> Zoned {
        let noon: Zoned = "2026-03-01T12:03:04.250+01:00[Europe/Berlin]".parse().unwrap();
        noon.checked_add(*self.0.lock().unwrap()).unwrap()
    }
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A place to run in, and what was written there.
pub(super) struct Stage {
    pub(super) terminal: Terminal,
    pub(super) clock: Arc<StillClock>,
    pub(super) stdout: Paper,
    pub(super) stderr: Paper,
    pub(super) size: Arc<Mutex<Size>>,
}

#[derive(Clone, Copy)]
pub(super) enum Behind {
    Terminal,
    ColourlessTerminal,
    File,
}

impl Stage {
    pub(super) fn new(behind: Behind, width: u16, wanted: Wanted) -> Self {
        let (stdout, stderr) = (Paper::default(), Paper::default());
        let clock = Arc::new(StillClock(Mutex::new(Duration::ZERO)));
        let size = Arc::new(Mutex::new(Size { width, height: 24 }));
        let shown = size.clone();
        let streams = Streams {
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            size: Arc::new(move || *shown.lock().unwrap()),
        };
        let surroundings = Surroundings {
            stdin_is_terminal: false,
            stderr_is_terminal: !matches!(behind, Behind::File),
            variable: Box::new(move |name| match name {
                "TERM" => Some("xterm-256color".to_owned()),
                "LANG" => Some("C.UTF-8".to_owned()),
                "NO_COLOR" if matches!(behind, Behind::ColourlessTerminal) => Some("1".to_owned()),
                _ => None,
            }),
        };
        let printer = Printer::new(wanted, &surroundings, streams, Redactions::default());
        let terminal = Terminal::with(printer, clock.clone(), Ticking::WithEvents);
        Self { terminal, clock, stdout, stderr, size }
    }

    pub(super) fn human(width: u16) -> Self {
        Self::new(Behind::Terminal, width, Wanted::default())
    }

    pub(super) fn wait(&self, seconds: f64) {
        *self.clock.0.lock().unwrap() += Duration::from_secs_f64(seconds);
    }

    /// Returns what a terminal of this size shows after all that was written; it is as high as all of it.
    pub(super) fn screen(&self) -> String {
        let mut parser = vt100::Parser::new(200, self.size.lock().unwrap().width, 0);
        // The terminal's driver moves to the first column at a line's end.
        parser.process(self.stderr.text().replace('\n', "\r\n").as_bytes());
        let rows = parser.screen().contents();
        rows.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn start(&self, step: usize, machine: &str, title: &str) {
        let machine = Some(machine.to_owned());
        self.terminal.event(&Event::StepStarted { step, machine, title: title.to_owned() });
    }

    pub(super) fn end(&self, step: usize, machine: &str, title: &str, seconds: f64, outcome: Outcome) {
        let (machine, title) = (Some(machine.to_owned()), title.to_owned());
        self.terminal.event(&Event::StepFinished { step, machine, title, seconds, outcome });
    }
}
