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

/// A terminal that gathers what is drawn and writes it at once, so that nothing flickers. Clones share it.
#[derive(Clone)]
pub(super) struct Screen {
    sink: Sink,
    size: SizeSource,
    drawing: Arc<Mutex<Drawing>>,
}

/// What is gathered.
#[derive(Default)]
struct Drawing {
    text: String,
    next: Piece,
    hold: Hold,
}

/// indicatif draws each line as two pieces: its content, and blanks up to the edge so that the next line wraps.
///
/// Such lines cannot be copied one by one, and break when the terminal gets narrower; so a real line end stands
/// in the place of the blanks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Piece {
    #[default]
    FirstContent,
    Content,
    Blanks,
}

/// Whether drawings wait for more to come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Hold {
    #[default]
    Free,
    Held,
}

impl Screen {
    /// Makes a screen on `sink`.
    pub(super) fn new(sink: Sink, size: SizeSource) -> Self {
        Self { sink, size, drawing: Arc::default() }
    }

    /// Keeps what `draw` draws until it is complete, and then writes it at once.
    pub(super) fn at_once(&self, draw: impl FnOnce()) {
        self.drawing().hold = Hold::Held;
        draw();
        let text = {
            let mut drawing = self.drawing();
            drawing.hold = Hold::Free;
            std::mem::take(&mut drawing.text)
        };
        self.sink.say(&text);
    }

    /// Adds whole lines as they are.
    pub(super) fn print(&self, text: &str) {
        self.drawing().text.push_str(text);
    }

    fn drawing(&self) -> MutexGuard<'_, Drawing> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the control sequence `CSI n final` (ECMA-48), which moves the cursor, unless it is to stay.
    fn move_cursor(&self, n: usize, final_byte: char) -> io::Result<()> {
        let mut drawing = self.drawing();
        drawing.next = Piece::FirstContent;
        if n > 0 {
            write!(drawing.text, "\x1b[{n}{final_byte}").map_err(io::Error::other)?;
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
        let mut drawing = self.drawing();
        drawing.text.push_str(text);
        drawing.text.push('\n');
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut drawing = self.drawing();
        if text == "\r" {
            drawing.text.push('\r');
            return Ok(());
        }
        drawing.next = match drawing.next {
            Piece::FirstContent => {
                drawing.text.push_str(text);
                Piece::Blanks
            }
            Piece::Content => {
                drawing.text.push('\n');
                drawing.text.push_str(text);
                Piece::Blanks
            }
            Piece::Blanks => {
                drawing.text.push_str("\x1b[K");
                Piece::Content
            }
        };
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut drawing = self.drawing();
        drawing.text.push_str("\r\x1b[2K");
        drawing.next = Piece::FirstContent;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = {
            let mut drawing = self.drawing();
            if drawing.hold == Hold::Held {
                return Ok(());
            }
            std::mem::take(&mut drawing.text)
        };
        self.sink.say(&text);
        Ok(())
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}
