//! Other programs, run so that what they say is heard and what fails is told.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::{Class, Context, Problem, Result};

/// How many of a failed program's last lines its problem quotes.
const QUOTED_LINES: usize = 12;

/// How often it is seen whether a program has ended that says nothing.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long after its end a program's lines are waited for, which are on their way already.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Variables that send a program's traffic elsewhere. kubeadm copies them into the control plane's manifests, and
/// the machines of a cluster never talk to each other through a proxy.
const PROXY_VARIABLES: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Hears a program's lines.
pub(super) type Tell<'a> = &'a dyn Fn(&str);

/// A program with its arguments.
pub(super) struct Command {
    inner: process::Command,
    name: String,
    input: Option<Vec<u8>>,
}

impl Command {
    /// Begins a command. Arguments never hold secrets: every user of the machine can read them.
    pub(super) fn new<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = process::Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        for variable in PROXY_VARIABLES {
            command.env_remove(variable);
        }
        // Texts are compared, so programs must not translate them.
        command.env("LC_ALL", "C");
        let name = std::iter::once(program.to_owned())
            .chain(command.get_args().map(|argument| argument.to_string_lossy().into_owned()))
            .collect::<Vec<_>>()
            .join(" ");
        Self { inner: command, name, input: None }
    }

    /// Begins a line of shell.
    pub(super) fn shell(line: &str) -> Self {
        let mut command = Self::new("bash", ["-c", line]);
        line.clone_into(&mut command.name);
        command
    }

    /// Calls it something else in what is told of it.
    pub(super) fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets the working directory.
    pub(super) fn within(mut self, directory: &Path) -> Self {
        self.inner.current_dir(directory);
        self
    }

    /// Gives it something to read.
    pub(super) fn reading(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self.inner.stdin(Stdio::piped());
        self
    }

    /// Runs it to its end and returns what it wrote to its standard output.
    pub(super) fn output(mut self) -> Result<String> {
        self.inner.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            self.inner.spawn().problem_with(Class::Machine, || format!("cannot run `{}`", self.name))?;
        self.feed(&mut child)?;
        let output = child
            .wait_with_output()
            .problem_with(Class::Machine, || format!("cannot wait for `{}`", self.name))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        Err(self.failed(output.status, lines[lines.len().saturating_sub(QUOTED_LINES)..].iter().copied()))
    }

    /// Tells whether it can be run and succeeds.
    pub(super) fn succeeds(self) -> bool {
        self.output().is_ok()
    }

    /// Runs it to its end and tells every line it writes as it comes. What it leaves running in the background may hold its
    /// output open for ever, so that is not waited for.
    pub(super) fn run(mut self, tell: Tell<'_>) -> Result<()> {
        let (reader, writer) = std::io::pipe().problem(Class::Machine, "cannot make a pipe")?;
        let second = writer.try_clone().problem(Class::Machine, "cannot make a pipe")?;
        self.inner.stdout(writer).stderr(second);
        let mut child =
            self.inner.spawn().problem_with(Class::Machine, || format!("cannot run `{}`", self.name))?;
        self.feed(&mut child)?;
        // The parent's writing ends must be closed, or the reader never sees the end.
        self.inner.stdout(Stdio::null()).stderr(Stdio::null());
        let mut last = VecDeque::with_capacity(QUOTED_LINES);
        let mut hear = |text: String| {
            tell(&text);
            if last.len() == QUOTED_LINES {
                last.pop_front();
            }
            last.push_back(text);
        };
        let lines = lines_of(reader);
        let mut ended: Option<(process::ExitStatus, Instant)> = None;
        loop {
            match lines.recv_timeout(LOOK_EVERY) {
                Ok(text) => hear(text),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if ended.is_some_and(|(_, when)| when.elapsed() > LAST_WORDS) {
                break;
            }
            if ended.is_none() {
                let status = child.try_wait().problem_with(Class::Machine, || self.unattended())?;
                ended = status.map(|status| (status, Instant::now()));
            }
        }
        lines.try_iter().for_each(&mut hear);
        let status = match ended {
            Some((status, _)) => status,
            None => child.wait().problem_with(Class::Machine, || self.unattended())?,
        };
        if status.success() { Ok(()) } else { Err(self.failed(status, last.iter().map(String::as_str))) }
    }

    fn unattended(&self) -> String {
        format!("cannot wait for `{}`", self.name)
    }

    fn feed(&mut self, child: &mut process::Child) -> Result<()> {
        if let (Some(input), Some(mut stdin)) = (self.input.take(), child.stdin.take()) {
            stdin
                .write_all(&input)
                .problem_with(Class::Machine, || format!("`{}` does not read its input", self.name))?;
        }
        Ok(())
    }

    fn failed<'a>(&self, status: process::ExitStatus, lines: impl Iterator<Item = &'a str>) -> Problem {
        let problem = Problem::new(Class::Machine, format!("`{}` failed: {status}", self.name));
        lines.filter(|line| !line.trim().is_empty()).fold(problem, Problem::saw)
    }
}

/// Returns the lines that are no blanks, as they come.
fn lines_of(reader: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if !text.is_empty() && sender.send(text).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn lines_are_told_and_a_failure_quotes_them() {
        let told = RefCell::new(Vec::new());
        let problem = Command::shell("echo one; echo two >&2; exit 3")
            .run(&|line| told.borrow_mut().push(line.to_owned()))
            .unwrap_err();
        assert_eq!(told.into_inner(), ["one", "two"]);
        assert_eq!(problem.seen, ["one", "two"]);
        assert!(problem.message.contains("exit status: 3"), "{problem}");
    }

    #[test]
    fn what_stays_in_the_background_is_not_waited_for() {
        let told = RefCell::new(Vec::new());
        let tell = |line: &str| told.borrow_mut().push(line.to_owned());
        Command::shell("sleep 600 & echo $!; exit 0").run(&tell).unwrap();
        let left: i32 = told.borrow()[0].parse().unwrap();
        let left = rustix::process::Pid::from_raw(left).unwrap();
        rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn input_is_read_and_output_returned() {
        assert_eq!(Command::new("cat", [] as [&str; 0]).reading("hello").output().unwrap(), "hello");
        assert!(Command::new("no-such-program-here", [] as [&str; 0]).output().is_err());
    }
}
