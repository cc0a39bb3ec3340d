//! An application taken off the cluster, from a control plane.

use std::sync::Arc;

use super::application;
use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{UninstallWork, Work};

pub(super) struct Uninstall {
    pub(super) machine: MachineSpec,
    pub(super) image: String,
    pub(super) site: Arc<Site>,
}

impl Step for Uninstall {
    fn title(&self) -> String {
        format!("uninstall {}", self.image)
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let desired = &self.site.desired;
            let image = application::find(desired, &self.image)?;
            let tree = application::tree(desired, image);
            let clean = plan::clean_of(desired, image).and_then(|clean| application::script(&clean));
            let is_shared = desired.applications().any(|other| other.manifest == image.manifest);
            let others = desired.parting.iter().filter(|other| other.name != image.name);
            let layers = desired.images.iter().chain(others).flat_map(|image| &image.layers);
            let work = UninstallWork {
                cluster: desired.cluster.name.clone(),
                image: image.name.clone(),
                tools: application::tools(desired, image),
                clean: clean.map(|line| plan::command_line(&line, &tree.environment)),
                tree: (!is_shared).then_some(tree),
                keep: layers.map(|layer| layer.diff_id.clone()).collect(),
            };
            let named = progress.of(&self.image);
            self.site.act(&self.machine, Work::Uninstall(work), &named).await?;
            self.site.change_state(|state| state.forget_application(&self.image));
            Ok(Acted::Changed)
        })
    }
}
