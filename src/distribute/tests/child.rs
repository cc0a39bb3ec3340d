//! Runs one test in a process of its own, to be killed or to live with fewer rights.

use std::process::{Command, Stdio};

/// Says to a test that it is the child's part.
pub(super) const CHILD: &str = "SEALIFT_TEST_CHILD";

/// Says whether this process is a child, and gives it its directory.
pub(super) fn directory() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// Prepares a run of `test` (its path without the crate) by `prefix`, a command that runs another.
pub(super) fn command(prefix: &[&str], test: &str, directory: &std::path::Path) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut words = prefix.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
    words.push(program.into());
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, directory)
        .stdin(Stdio::piped());
    command
}

/// Runs it to its end and fails with its output when it fails, or when no test had that name.
pub(super) fn run(prefix: &[&str], test: &str, directory: &std::path::Path) {
    let output = command(prefix, test, directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
