//! A Node emptied before its machine leaves.

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::wire::{self, Overdue};

/// What a drain takes beside the time that pods have: to find a control plane that answers, and to delete and kill.
const BESIDE_THE_PODS: Duration = Duration::from_mins(10);

/// How Nodes are emptied in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainPolicy {
    /// Seconds that pods have to leave.
    pub seconds: u64,
    /// What becomes of those that have not.
    pub overdue: Overdue,
}

impl Default for DrainPolicy {
    fn default() -> Self {
        Self { seconds: 300, overdue: Overdue::Fails }
    }
}

pub(super) struct Drain {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Drain {
    fn title(&self) -> String {
        "move its pods elsewhere".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    /// What the operator gives the pods, and the time to make them go that are overdue.
    fn deadline(&self) -> Duration {
        Duration::from_secs(self.site.drain.seconds) + BESIDE_THE_PODS
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let DrainPolicy { seconds, overdue } = self.site.drain;
            let order = wire::Drain { node: self.site.node_key(&self.machine), seconds, overdue };
            Ok(self.site.command_about(&self.machine, order, progress).await?.into())
        })
    }
}
