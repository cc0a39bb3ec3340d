//! The terminal as indicatif draws on it, over our own sink, so that a drawing cannot carry a secret either.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use super::sink::Sink;

/// The columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The columns.
    pub width: u16,
    /// The rows.
    pub height: u16,
}

/// Tells how large the terminal is now; it may change at any time.
pub type SizeSource = Arc<dyn Fn() -> Size + Send + Sync>;

/// A terminal that gathers what is drawn and writes it at once, so that nothing flickers.
pub(super) struct Screen {
    sink: Sink,
    size: SizeSource,
    drawn: Mutex<String>,
}

impl Screen {
    /// Makes a screen on `sink`.
    pub(super) fn new(sink: Sink, size: SizeSource) -> Self {
        Self { sink, size, drawn: Mutex::default() }
    }

    fn drawn(&self) -> MutexGuard<'_, String> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the control sequence `CSI n final` (ECMA-48), which moves the cursor, unless it is to stay.
    fn move_cursor(&self, n: usize, final_byte: char) -> io::Result<()> {
        if n > 0 {
            write!(self.drawn(), "\x1b[{n}{final_byte}").map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.size)().width
    }

    fn height(&self) -> u16 {
        (self.size)().height
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let mut drawn = self.drawn();
        drawn.push_str(text);
        drawn.push_str("\r\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.drawn().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.drawn().push_str("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn());
        self.sink.say(&drawn);
        Ok(())
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}
