//! Draws the moving part of the screen with indicatif, and prints above it.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::line::render_all;
use super::palette::Palette;
use super::screen::{Screen, SizeSource};
use super::sink::Sink;

/// Draws the moving part as it is now, without the last line's end.
pub(super) type Painter = Arc<dyn Fn() -> Vec<super::line::Line> + Send + Sync>;

/// How often the moving part is drawn anew; the spinner has ten frames a second.
const TICK: Duration = Duration::from_millis(100);
const FRAMES_PER_SECOND: u8 = 20;

/// The moving part of the screen: there while something goes on.
pub(super) struct Progress {
    screen: Screen,
    palette: Palette,
    painter: Painter,
    ticking: Ticking,
    bar: Mutex<Option<ProgressBar>>,
}

/// What moves the spinner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticking {
    /// A thread of its own, ten times a second.
    Steady,
    /// Only what happens; a test that looks at the screen needs it to stand still.
    #[cfg(test)]
    WithEvents,
}

impl Progress {
    /// Makes a moving part that is not there yet.
    pub(super) fn new(
        sink: Sink,
        size: SizeSource,
        palette: Palette,
        painter: Painter,
        ticking: Ticking,
    ) -> Self {
        Self { screen: Screen::new(sink, size), palette, painter, ticking, bar: Mutex::default() }
    }

    /// Shows it, or draws it anew.
    pub(super) fn show(&self) {
        let mut bar = self.bar();
        match &*bar {
            Some(bar) => bar.tick(),
            None => *bar = self.start(),
        }
    }

    /// Takes it away.
    pub(super) fn hide(&self) {
        if let Some(bar) = self.bar().take() {
            self.screen.at_once(|| bar.finish_and_clear());
        }
    }

    /// Prints whole lines above it.
    pub(super) fn print_above(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let bar = self.bar();
        self.screen.at_once(|| match &*bar {
            Some(bar) => bar.suspend(|| self.screen.print(text)),
            None => self.screen.print(text),
        });
    }

    /// Takes it away while `talk` has the screen for itself; whoever wants to draw waits.
    pub(super) fn paused<T>(&self, talk: impl FnOnce() -> T) -> T {
        match &*self.bar() {
            Some(bar) => bar.suspend(talk),
            None => talk(),
        }
    }

    fn start(&self) -> Option<ProgressBar> {
        let painter = self.painter.clone();
        let palette = self.palette;
        let draw = move |_: &ProgressState, text: &mut dyn Write| {
            let drawn = render_all(&painter(), palette);
            // Writing to indicatif's buffer cannot fail.
            let _ = text.write_str(drawn.trim_end_matches('\n'));
        };
        let style = ProgressStyle::with_template("{board}").ok()?.with_key("board", draw);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(self.screen.clone()), FRAMES_PER_SECOND);
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        match self.ticking {
            Ticking::Steady => bar.enable_steady_tick(TICK),
            #[cfg(test)]
            Ticking::WithEvents => bar.tick(),
        }
        Some(bar)
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command that ends early leaves no half-drawn line behind.
impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}
