//! Waiting until Nodes and system pods are Ready.

use std::sync::Arc;

use futures_util::future::join_all;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::{Problem, Result};
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
            self.site.command(order).await?;
            Ok(Acted::Changed)
        })
    }
}

impl AwaitReady {
    /// Machines that were let in. One whose join failed was set aside and is not waited for.
    async fn joined(&self) -> Result<Vec<String>> {
        let looks = self.site.cluster().machines.iter().map(|machine| async {
            let facts = self.site.agent(machine).await?.ask(self.site.look()).await?;
            Ok::<_, Problem>(facts.joined.then_some(facts.machine_id))
        });
        Ok(join_all(looks).await.into_iter().filter_map(Result::ok).flatten().collect())
    }
}
