//! An operator with a home of their own, who types commands and reads what they print.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sealift::error::Problem;
use serde_json::Value;
use tempfile::TempDir;

use crate::events::Line;
use crate::machines;
use crate::running::Running;

/// A person at a machine that nobody else uses: no agent, no known hosts, no clusters. The images are everybody's.
pub(crate) struct Operator {
    directory: TempDir,
}

/// What is done to a command that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Nothing can be done about it: SIGKILL.
    Kill,
    /// Ctrl-C.
    Interrupt,
}

/// A command that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) stderr: String,
}

impl Operator {
    pub(crate) fn new() -> Self {
        let operator = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir_all(operator.home()).unwrap();
        fs::create_dir_all(operator.person().join(".ssh")).unwrap();
        std::os::unix::fs::symlink(machines::shared_home().join("images"), operator.home().join("images"))
            .unwrap();
        operator
    }

    /// `SEALIFT_HOME`.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("sealift")
    }

    /// `HOME`.
    pub(crate) fn person(&self) -> PathBuf {
        self.directory.path().join("person")
    }

    /// Writes a file of the operator's and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.person().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Returns the names of the clusters that are known here.
    pub(crate) fn clusters(&self) -> Vec<String> {
        let entries = fs::read_dir(self.home().join("clusters")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Types a command and reads to its end.
    pub(crate) fn types<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        self.types_until(arguments, |_| None)
    }

    /// Types a command, and deals the first blow that `moment` decides on when it hears an event.
    pub(crate) fn types_until<A: AsRef<str>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        mut moment: impl FnMut(&Line) -> Option<Blow>,
    ) -> Ended {
        let mut child = self.start(arguments);
        let mut errors = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).map(|_| text)
        });
        let mut lines = Vec::new();
        let mut dealt = false;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = Line::read(&line.unwrap());
            if let Some(blow) = moment(&line).filter(|_| !dealt) {
                dealt = true;
                deal(&child, blow);
            }
            lines.push(line);
        }
        Ended { status: child.wait().unwrap(), lines, stderr: stderr.join().unwrap().unwrap() }
    }

    /// Asks for a document.
    pub(crate) fn asks<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        self.looks(arguments).1
    }

    /// Asks for a document, and for the exit code beside it.
    pub(crate) fn looks<A: AsRef<str>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> (Option<i32>, Value) {
        let output = self.start(arguments).wait_with_output().unwrap();
        let document = serde_json::from_slice(&output.stdout);
        let document =
            document.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), document)
    }

    /// Types a command that goes on while something else is done.
    pub(crate) fn begins<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        Running::of(self.start(arguments))
    }

    /// Returns what a command prints for a person: what was asked for, and what is said beside it.
    pub(crate) fn reads<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> [String; 2] {
        let output = self.command(arguments).output().unwrap();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{}", printed.concat());
        printed
    }

    fn start<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        let arguments = arguments.into_iter().map(|word| word.as_ref().to_owned());
        let words = ["--output", "json"].map(str::to_owned).into_iter().chain(arguments);
        self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(machines::sealift());
        command.args(arguments.into_iter().map(|word| word.as_ref().to_owned()));
        command.env("SEALIFT_HOME", self.home()).env("HOME", self.person());
        command.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        command
    }
}

fn deal(child: &Child, blow: Blow) {
    let signal = match blow {
        Blow::Kill => Signal::KILL,
        Blow::Interrupt => Signal::INT,
    };
    kill_process(Pid::from_child(child), signal).unwrap();
}

impl Ended {
    /// Fails unless all went well.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert!(self.status.success(), "{}", self.told());
        self
    }

    /// Fails unless it died of the blow.
    #[track_caller]
    pub(crate) fn killed(self) -> Self {
        assert_eq!(self.status.signal(), Some(Signal::KILL.as_raw()), "{}", self.told());
        self
    }

    /// Returns the exit code; a command that was killed has none.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the problems that the command ended with.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let told = self.named("problems");
        told.flat_map(|line| serde_json::from_value::<Vec<Problem>>(line["problems"].clone()).unwrap())
            .collect()
    }

    /// Returns the summary that the command ended with.
    #[track_caller]
    pub(crate) fn summary(&self) -> &Value {
        &self.named("summary").next().unwrap_or_else(|| panic!("no summary: {}", self.told()))["summary"]
    }

    fn named(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().map(|line| &line.value).filter(move |value| value["event"] == event)
    }

    /// Returns what a test that fails has to say of the command: its end, and how far it came.
    pub(crate) fn told(&self) -> String {
        let end: Vec<String> = self.lines.iter().rev().take(15).map(|line| line.value.to_string()).collect();
        let end: Vec<String> = end.into_iter().rev().collect();
        format!("it ended with {}\n{}\n{}", self.status, end.join("\n"), self.stderr)
    }

    /// Returns everything that was printed.
    pub(crate) fn printed(&self) -> String {
        let lines = self.lines.iter().map(|line| line.value.to_string());
        lines.chain([self.stderr.clone()]).collect::<Vec<_>>().join("\n")
    }
}
