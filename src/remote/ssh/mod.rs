//! Machines that answer SSH.

mod authenticate;
mod config;
mod connect;
mod host_key;
mod identity;
mod known_hosts;
mod options;
mod pattern;
mod session;
mod target;

use std::net::IpAddr;

use super::bootstrap::Bootstrap;
use super::{AgentSource, AgentStreams, BoxFuture, Machine};
use crate::error::Result;
use crate::model::{MachineName, MachineSpec, SshAddress};

pub use config::HostKeys;
pub use options::{HostKeyPin, SshOptions};

/// A machine that answers SSH.
#[derive(Debug)]
pub struct SshMachine {
    name: MachineName,
    ssh: SshAddress,
    address: IpAddr,
    options: SshOptions,
}

impl SshMachine {
    /// Describes a machine; nothing is dialled yet.
    pub fn new(name: MachineName, ssh: SshAddress, address: IpAddr, options: SshOptions) -> Self {
        Self { name, ssh, address, options }
    }

    /// Describes a machine of the desired cluster.
    pub fn of_spec(spec: &MachineSpec, options: SshOptions) -> Self {
        Self::new(spec.name.clone(), spec.ssh.clone(), spec.address, options)
    }

    async fn start(&self, agents: &dyn AgentSource) -> Result<AgentStreams> {
        let on = |problem: crate::error::Problem, step: &str| problem.on(&self.name).during(step);
        let operator = target::Operator::of_this_process();
        let route =
            target::route(&self.options, &self.ssh, &operator).map_err(|problem| on(problem, "connect"))?;
        let connection = connect::connect(route).await.map_err(|problem| on(problem, "connect"))?;
        let bootstrap = Bootstrap::new();
        let process = session::run(connection, &bootstrap.command())
            .await
            .map_err(|problem| on(problem, "start the agent"))?;
        let sudo_password = self.options.sudo_password.as_ref().or(self.options.password.as_ref());
        bootstrap
            .start_agent(process, agents, sudo_password)
            .await
            .map_err(|problem| on(problem, "start the agent"))
    }
}

impl Machine for SshMachine {
    fn name(&self) -> &MachineName {
        &self.name
    }

    fn address(&self) -> IpAddr {
        self.address
    }

    fn start_agent<'a>(&'a self, agents: &'a dyn AgentSource) -> BoxFuture<'a, Result<AgentStreams>> {
        Box::pin(self.start(agents))
    }
}
