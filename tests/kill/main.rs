//! The kill matrix: whatever hits a run wherever it is, the same command again ends as if nothing had been.
//!
//! Each story is told once undisturbed, on machines that are played. That gives the points it passes: every begin and
//! end of a step, every request at a machine before it is begun with and before it is answered, and everything that a
//! machine does in between. Then it is told anew for each of them, and hit there.
//!
//! `--ignored part_kill::` plays the stories that take longer; other words choose cases by their names.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod matrix;
mod stories;
#[path = "../world/mod.rs"]
mod world;

use std::process::ExitCode;

/// How a long part of the tests is asked for.
const PART: &str = "part_kill::";

fn main() -> ExitCode {
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let (part, words): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word.starts_with("part_"));
    let stories = match (flags.iter().any(|flag| flag == "--ignored"), part.as_slice()) {
        (false, _) => stories::every_change(),
        (true, [part]) if part != PART => vec![],
        (true, _) => stories::of_the_part(),
    };
    matrix::run(&stories, &words)
}
