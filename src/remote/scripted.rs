//! A machine that is played by a function, for tests and for faults that reality will not produce on demand.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{DuplexStream, duplex};

use super::{AgentSource, AgentStreams, BoxFuture, Machine};
use crate::error::Result;
use crate::model::MachineName;

/// How much may be on its way in one direction, in bytes.
const PIPE: usize = 256 * 1024;

/// The agent's own ends, the greeting already said.
#[derive(Debug)]
pub struct ScriptedAgent {
    /// What the operator says; it ends when the operator lets go of `to_agent`.
    pub input: DuplexStream,
    /// What the operator hears.
    pub output: DuplexStream,
}

/// What plays the agent.
type Play = dyn Fn(ScriptedAgent) -> Result<BoxFuture<'static, ()>> + Send + Sync;

/// A machine whose agent runs in this process.
pub struct ScriptedMachine {
    name: MachineName,
    address: IpAddr,
    play: Arc<Play>,
}

impl ScriptedMachine {
    /// Makes a machine on which every started agent is a task made by `play`.
    ///
    /// A problem that `play` returns is a machine that cannot be reached.
    pub fn new(
        name: MachineName,
        address: IpAddr,
        play: impl Fn(ScriptedAgent) -> Result<BoxFuture<'static, ()>> + Send + Sync + 'static,
    ) -> Self {
        Self { name, address, play: Arc::new(play) }
    }
}

impl fmt::Debug for ScriptedMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedMachine").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Machine for ScriptedMachine {
    fn name(&self) -> &MachineName {
        &self.name
    }

    fn address(&self) -> IpAddr {
        self.address
    }

    fn start_agent<'a>(&'a self, _: &'a dyn AgentSource) -> BoxFuture<'a, Result<AgentStreams>> {
        Box::pin(async move {
            let (to_agent, input) = duplex(PIPE);
            let (from_agent, output) = duplex(PIPE);
            let agent = ScriptedAgent { input, output };
            tokio::spawn((self.play)(agent).map_err(|problem| problem.on(&self.name))?);
            Ok(AgentStreams { from_agent: Box::new(from_agent), to_agent: Box::new(to_agent) })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::error::{Class, Problem};
    use crate::model::Arch;

    struct Nothing;

    impl AgentSource for Nothing {
        fn binary(&self, _: Arch) -> Result<PathBuf> {
            Err(Problem::new(Class::Config, "no agent"))
        }
    }

    fn machine(
        play: impl Fn(ScriptedAgent) -> Result<BoxFuture<'static, ()>> + Send + Sync + 'static,
    ) -> ScriptedMachine {
        ScriptedMachine::new(MachineName("one".into()), IpAddr::from([10, 0, 0, 1]), play)
    }

    #[tokio::test]
    async fn the_agent_is_the_function() {
        let machine = machine(|mut agent| {
            Ok(Box::pin(async move {
                let mut said = String::new();
                agent.input.read_to_string(&mut said).await.unwrap();
                agent.output.write_all(said.to_uppercase().as_bytes()).await.unwrap();
            }))
        });
        let mut streams = machine.start_agent(&Nothing).await.unwrap();
        streams.to_agent.write_all(b"hello").await.unwrap();
        drop(streams.to_agent);
        let mut heard = String::new();
        streams.from_agent.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "HELLO");
    }

    #[tokio::test]
    async fn a_problem_is_the_machines() {
        let machine = machine(|_| Err(Problem::new(Class::Connection, "out of reach")));
        let problem = machine.start_agent(&Nothing).await.unwrap_err();
        assert_eq!(problem.machine.as_deref(), Some("one"));
    }
}
