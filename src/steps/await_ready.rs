//! Waiting until Nodes and system pods are Ready.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::BoxFuture;
use crate::wire;

/// Seconds until it is given up. Slow disks and large images are within it.
const DEADLINE: u64 = 600;

pub(super) struct AwaitReady {
    pub(super) site: Arc<Site>,
}

impl Step for AwaitReady {
    fn title(&self) -> String {
        "wait until everything is Ready".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let machine_ids = self.joined().await?;
            let order = wire::AwaitReady { machine_ids, seconds: DEADLINE };
            self.site.agent(self.site.commanding()?).await?.ask(order).await?;
            Ok(Acted::Changed)
        })
    }
}

impl AwaitReady {
    /// Machines that were let in. One whose join failed was set aside and is not waited for.
    async fn joined(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for machine in &self.site.cluster().machines {
            let look = self.site.look();
            let Ok(agent) = self.site.agent(machine).await else { continue };
            if let Ok(facts) = agent.ask(look).await
                && facts.joined
            {
                ids.push(facts.machine_id);
            }
        }
        Ok(ids)
    }
}
