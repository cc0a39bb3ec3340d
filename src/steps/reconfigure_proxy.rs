//! kube-proxy given a changed configuration.

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, Part};
use crate::wire::{ProxyWork, Work};

/// A pod of each machine is replaced, one after the other, and each takes seconds; it is given up where none comes for minutes.
const DEADLINE: Duration = Duration::from_hours(4);

pub(super) struct ReconfigureProxy {
    pub(super) site: Arc<Site>,
}

impl Step for ReconfigureProxy {
    fn title(&self) -> String {
        "reconfigure kube-proxy".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let site = &self.site;
            let machine = site.commanding().await?;
            let work = ProxyWork {
                receipt: site.configured(Part::KubeProxy)?,
                cluster: site.cluster().name.clone(),
                config: site.control_plane_file(machine)?,
            };
            let done = site.act(machine, Work::ProxyConfiguration(work), progress).await;
            done.map(|()| Acted::Changed).map_err(|problem| problem.on(&machine.name))
        })
    }
}
