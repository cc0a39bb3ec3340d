//! Machines: how sealift reaches one and starts its agent there.

mod binary;
mod bootstrap;
mod local;
mod process;
mod scripted;
mod ssh;
mod sudo;

use std::fmt::Debug;
use std::net::IpAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Result;
pub use crate::model::BoxFuture;
use crate::model::{Arch, MachineName};

pub use local::LocalMachine;
pub use scripted::{ScriptedAgent, ScriptedMachine};
pub use ssh::{HostKeyPin, HostKeys, SshMachine, SshOptions};

/// The directory on a machine where installed agents live, each as `<sha256>/sealift`.
pub const INSTALLED_AGENTS: &str = "/usr/local/lib/sealift";

/// The running agent's ends: what it says and what it hears.
///
/// The agent ends, and the connection with it, when both are dropped.
pub struct AgentStreams {
    /// The agent's standard output, from the first byte after the greeting of `wire::greeting`.
    ///
    /// When the agent fails or the connection is lost, the end is a read error that tells the exit status and the
    /// last words on its standard error.
    pub from_agent: Box<dyn AsyncRead + Send + Unpin>,
    /// The agent's standard input.
    pub to_agent: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Debug for AgentStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentStreams").finish_non_exhaustive()
    }
}

/// A place where an agent can be started.
pub trait Machine: Send + Sync + Debug {
    /// Returns the name the operator gave it.
    fn name(&self) -> &MachineName;

    /// Returns the address the other machines of the cluster reach it at.
    fn address(&self) -> IpAddr;

    /// Connects, brings the agent there if it is not there yet, and starts it as root.
    ///
    /// The agent is started as `sealift agent --stdio`. A machine that does not have it installed gets it into a
    /// directory of its own, named by `--temporary DIR`, which the agent deletes once it runs.
    ///
    /// Errors have class `Connection` where the machine cannot be reached or does not let us in, and
    /// `Machine` where it lets us in but the agent cannot run there.
    fn start_agent<'a>(&'a self, agents: &'a dyn AgentSource) -> BoxFuture<'a, Result<AgentStreams>>;
}

/// Where the agent's binaries come from: beside this program, or out of an image.
pub trait AgentSource: Send + Sync {
    /// Returns the path of the static binary for `arch` on this machine, or a problem that says how to get one.
    fn binary(&self, arch: Arch) -> Result<PathBuf>;
}
