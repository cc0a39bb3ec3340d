//! The cluster's machines with their agents: connected when first asked for, and again when a connection was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use crate::error::{Class, Problem, Result};
use crate::model::MachineName;
use crate::remote::{AgentSource, Machine};
use crate::wire::{AgentClient, Speaker, Tenure};

/// Machines by name. Clones share the connections.
#[derive(Clone)]
pub struct Fleet(Arc<Members>);

struct Members {
    by_name: BTreeMap<MachineName, Member>,
    agents: Arc<dyn AgentSource>,
    speaker: Speaker,
    /// Machines that are let go: nothing of ours is written there any more.
    let_go: std::sync::Mutex<BTreeSet<MachineName>>,
}

struct Member {
    machine: Box<dyn Machine>,
    client: Mutex<Option<AgentClient>>,
}

impl Fleet {
    /// Gathers machines; nothing is connected yet. `run` is the operator's run, told with every message.
    pub fn new(machines: Vec<Box<dyn Machine>>, agents: Arc<dyn AgentSource>, run: &str) -> Self {
        let by_name = machines
            .into_iter()
            .map(|machine| (machine.name().clone(), Member { machine, client: Mutex::new(None) }))
            .collect();
        Self(Arc::new(Members {
            by_name,
            agents,
            speaker: Speaker::new(run),
            let_go: std::sync::Mutex::default(),
        }))
    }

    /// Returns the run's hold on the cluster, which every message to a machine shows.
    pub fn tenure(&self) -> &Tenure {
        &self.0.speaker.tenure
    }

    /// Lets a machine go: from now on it keeps no lock, whose files nobody would take away there.
    pub fn let_go(&self, name: &MachineName) {
        self.0.let_go.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    }

    /// Tells whether a machine is let go.
    pub fn has_let_go(&self, name: &MachineName) -> bool {
        self.0.let_go.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Returns the operator's run.
    pub fn run(&self) -> &str {
        &self.0.speaker.run
    }

    /// Returns the names of all machines.
    pub fn names(&self) -> impl Iterator<Item = &MachineName> {
        self.0.by_name.keys()
    }

    /// Returns the agent of a machine, connecting to it if it is not connected.
    pub async fn agent(&self, name: &MachineName) -> Result<AgentClient> {
        let member = self.0.by_name.get(name).ok_or_else(|| {
            Problem::new(Class::Internal, "the machine is not one of those that can be reached").on(name)
        })?;
        // One at a time for each machine: two steps there share one connection.
        let mut client = member.client.lock().await;
        if let Some(connected) = client.as_ref().filter(|client| client.is_connected()) {
            return Ok(connected.clone());
        }
        let streams =
            member.machine.start_agent(self.0.agents.as_ref()).await.map_err(|problem| problem.on(name))?;
        let connected = AgentClient::start(streams.from_agent, streams.to_agent, self.0.speaker.clone());
        *client = Some(connected.clone());
        Ok(connected)
    }

    /// Returns the agent of a machine if it is connected now, and connects to none.
    pub fn connected(&self, name: &MachineName) -> Option<AgentClient> {
        let client = self.0.by_name.get(name)?.client.try_lock().ok()?;
        client.as_ref().filter(|client| client.is_connected()).cloned()
    }
}
