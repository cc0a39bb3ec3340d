//! Changed documents put into the cluster.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, Configuration};
use crate::wire::{UploadConfigurationWork, Work};

pub(super) struct UploadConfiguration {
    pub(super) kinds: Vec<String>,
    pub(super) site: Arc<Site>,
}

impl Step for UploadConfiguration {
    fn title(&self) -> String {
        "put the changed configuration into the cluster".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let site = &self.site;
            let machine = site.commanding().await?;
            let mut parts: Configuration = site.desired.configuration();
            parts.retain(|part, _| self.kinds.iter().any(|kind| kind == part.kind()));
            let work = UploadConfigurationWork {
                cluster: site.cluster().name.clone(),
                config: site.control_plane_file(machine)?,
                parts,
            };
            let done = site.act(machine, Work::UploadConfiguration(work), progress).await;
            done.map(|()| Acted::Changed).map_err(|problem| problem.on(&machine.name))
        })
    }
}
