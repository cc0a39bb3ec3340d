//! `docs/` and the other pages: what the program says of itself is current, links lead somewhere, commands can be typed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clusterfile;
mod command_lines;
mod commands;
mod links;
mod pages;
mod schemas;
