//! What goes wrong: one problem or many, each with its class, machine, step, evidence and remedy.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a problem; it decides the exit code (`docs/exit-codes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A defect of sealift itself.
    Internal,
    /// The command line cannot be understood.
    Usage,
    /// A file, flag value or image is wrong.
    Config,
    /// A machine cannot be reached or does not let us in.
    Connection,
    /// A machine is not fit, or work on it failed.
    Machine,
    /// Kubernetes or its parts do not do what they should.
    Kubernetes,
    /// The step would lose etcd's quorum.
    Quorum,
    /// Some machines are done and some are not.
    Partial,
    /// Refused, because it would touch what is not ours or was not confirmed.
    Refused,
    /// Somebody else is at work there.
    Busy,
    /// What a saved plan was made from is not as it was.
    Outdated,
    /// The cluster is not as it should be; `status` says so.
    Drifted,
    /// The operator stopped it.
    Interrupted,
}

impl Class {
    /// Returns the process exit code of this class.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Connection => 4,
            Self::Machine => 5,
            Self::Kubernetes => 6,
            Self::Quorum => 7,
            Self::Partial => 8,
            Self::Refused => 9,
            Self::Busy => 10,
            Self::Outdated => 11,
            Self::Drifted => 12,
            Self::Interrupted => 130,
        }
    }
}

/// One thing that is wrong, told so that the reader can act on it.
///
/// A problem never holds a secret: its text reaches terminals, journals and reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The kind, which decides the exit code.
    pub class: Class,
    /// The machine it was seen on, by the name the operator gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The step or check that saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What was seen, word for word: a file's line, the end of a log, a server's answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// What the operator can do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
}

impl Problem {
    /// Makes a problem of `class` with its one-sentence message.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, machine: None, step: None, message: message.into(), seen: vec![], remedies: vec![] }
    }

    /// Names the machine, unless a deeper room already did.
    #[must_use]
    pub fn on(mut self, machine: impl fmt::Display) -> Self {
        self.machine.get_or_insert_with(|| machine.to_string());
        self
    }

    /// Names the step, unless a deeper room already did.
    #[must_use]
    pub fn during(mut self, step: impl fmt::Display) -> Self {
        self.step.get_or_insert_with(|| step.to_string());
        self
    }

    /// Tells it in one line: what is wrong and what to do, without what was seen.
    pub fn brief(&self) -> String {
        let remedies = self.remedies.join("; ");
        if remedies.is_empty() { self.message.clone() } else { format!("{}; {remedies}", self.message) }
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn saw(mut self, evidence: impl fmt::Display) -> Self {
        self.seen.push(evidence.to_string());
        self
    }

    /// Adds what the operator can do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(machine) = &self.machine {
            write!(f, "{machine}: ")?;
        }
        if let Some(step) = &self.step {
            write!(f, "{step}: ")?;
        }
        f.write_str(&self.message)?;
        for evidence in &self.seen {
            write!(f, ": {evidence}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// What a fallible function of the house returns.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// Adds a class and a sentence to a foreign error, keeping its text as evidence.
pub trait Context<T> {
    /// Turns the error into a [`Problem`] of `class` that says `message` and quotes the error.
    fn problem(self, class: Class, message: impl Into<String>) -> Result<T>;

    /// Like [`Context::problem`], with a message that is only made when it is needed.
    fn problem_with(self, class: Class, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn problem(self, class: Class, message: impl Into<String>) -> Result<T> {
        self.map_err(|error| Problem::new(class, message).saw(format!("{error:#}")))
    }

    fn problem_with(self, class: Class, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Problem::new(class, message()).saw(format!("{error:#}")))
    }
}

/// All that is wrong at once: many machines give a list of errors, not the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns `Ok` when nothing is wrong.
    pub fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// Returns the same problems, each changed.
    #[must_use]
    pub fn each(self, change: impl FnMut(Problem) -> Problem) -> Self {
        Self(self.0.into_iter().map(change).collect())
    }

    /// Returns the problems, at least one.
    pub fn list(&self) -> &[Problem] {
        &self.0
    }

    /// Returns one problem that tells of all, for a place that can only take one.
    pub fn as_one(&self) -> Problem {
        match self.0.as_slice() {
            [only] => only.clone(),
            all => {
                let whole = Problem::new(self.class(), format!("{} things are wrong", all.len()));
                let whole = all.iter().fold(whole, Problem::saw);
                all.iter().flat_map(|problem| problem.remedies.clone()).fold(whole, Problem::remedy)
            }
        }
    }

    /// Returns the class for the exit code: the common one, or [`Class::Partial`] of a mixture that is not
    /// dominated by something worse.
    pub fn class(&self) -> Class {
        self.0.iter().map(|problem| problem.class).max().unwrap_or(Class::Internal)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
