//! The kill matrix: whatever hits a run wherever it is, the same command again ends as if nothing had been.
//!
//! Each story is told once undisturbed, on machines that are played. That gives the points it passes: every begin and
//! end of a step, every request at a machine before it is begun with and before it is answered, and everything that a
//! machine does in between. Then it is told anew for each of them, and hit there.

mod matrix;
mod stories;
#[path = "../world/mod.rs"]
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    matrix::run(&stories::all())
}
