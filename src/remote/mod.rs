//! Machines: how sealift reaches one and starts its agent there.

use std::fmt::Debug;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Result;
use crate::model::{Arch, MachineName};

/// A boxed future, so that machines of different kinds can stand in one list.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The running agent's ends: what it says and what it hears.
pub struct AgentStreams {
    /// The agent's standard output, from the first byte after the greeting of `wire::greeting` was seen.
    pub from_agent: Box<dyn AsyncRead + Send + Unpin>,
    /// The agent's standard input.
    pub to_agent: Box<dyn AsyncWrite + Send + Unpin>,
}

/// A place where an agent can be started.
pub trait Machine: Send + Sync + Debug {
    /// Returns the name the operator gave it.
    fn name(&self) -> &MachineName;

    /// Returns the address the other machines of the cluster reach it at.
    fn address(&self) -> IpAddr;

    /// Connects, brings the agent there if it is not there yet, and starts it as root.
    ///
    /// Errors have class `Connection` where the machine cannot be reached or does not let us in, and
    /// `Machine` where it lets us in but the agent cannot run there.
    fn start_agent<'a>(&'a self, agents: &'a dyn AgentSource) -> BoxFuture<'a, Result<AgentStreams>>;
}

/// Where the agent's binaries come from: beside this program, or out of an image.
pub trait AgentSource: Send + Sync {
    /// Returns the path of the static binary for `arch` on this machine, or a problem that says how to get one.
    fn binary(&self, arch: Arch) -> Result<std::path::PathBuf>;
}
