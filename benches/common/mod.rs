//! What every bench has: the page it writes to, the spread of repetitions, the computer it ran on, a home and machines.

#![allow(dead_code, reason = "no bench needs all of it")]

pub(crate) mod computer;
pub(crate) mod page;
pub(crate) mod scratch;
pub(crate) mod spread;

use std::io::Write as _;

use anyhow::{Context as _, Result};

/// Tells how far it is; the report alone goes to standard output.
pub(crate) fn say(text: &str) {
    // Nobody is there to be told that nobody hears.
    drop(writeln!(std::io::stderr(), "bench: {text}"));
}

/// Prints what was asked for.
pub(crate) fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot print the report")
}
