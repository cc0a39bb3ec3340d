//! Parses the command line, runs it and turns the error into an exit code.
fn main() {}
