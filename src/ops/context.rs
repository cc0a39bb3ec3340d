//! What every command is given: where its files are, whom it speaks to, and how it is stopped.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::machines::Machines;
use super::pace::Pace;
use super::reporter::Reporter;
use crate::model::Environment;
use crate::redact::Redactions;

/// A command's surroundings. Nothing below reads the process's environment or writes to its terminal.
#[derive(Clone)]
pub struct Context {
    /// The operator's directory, `SEALIFT_HOME`.
    pub home: PathBuf,
    /// The variables of the operator's environment; secrets may be in them.
    pub environment: Environment,
    /// The person or program that started the command.
    pub reporter: Arc<dyn Reporter>,
    /// How machines are reached.
    pub machines: Arc<dyn Machines>,
    /// Cancelled when the operator wants it to stop.
    pub stop: CancellationToken,
    /// The command as it was typed, without secrets: what to type again.
    pub command_line: String,
    /// The secrets that must not be written anywhere.
    pub redactions: Redactions,
    /// The run's id.
    pub run: String,
    /// Who started it, for those who find a cluster locked.
    pub operator: Operator,
    /// How it goes about its work.
    pub pace: Pace,
}

/// A person at a machine of theirs, and the command's process there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name they are logged in by.
    pub user: String,
    /// The machine's host name.
    pub host: String,
    /// The process.
    pub process: u32,
}
