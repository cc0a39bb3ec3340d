//! A machine taken out of the cluster and left as it was found.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec, Role};
use crate::plan;
use crate::wire::{CleanWork, ScriptCommand, Work};

pub(super) struct Clean {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Clean {
    fn title(&self) -> String {
        "clean the machine".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (desired, facts) = (&self.site.desired, self.site.facts(&self.machine)?);
            let scripts = desired.scripts()?;
            let is_own = desired.cluster.registry.external().is_none();
            let registry =
                (is_own && self.machine.role == Role::ControlPlane).then_some(&scripts.clean_registry);
            let texts = registry.into_iter().chain(&scripts.clean_cri).chain([&scripts.clean]);
            let environment = plan::of_machine(desired, &self.machine, facts);
            let work = CleanWork {
                cluster: desired.cluster.name.clone(),
                scripts: texts
                    .map(|text| ScriptCommand { text: text.clone(), environment: environment.clone() })
                    .collect(),
                cri_socket: desired.cri_socket().to_owned(),
                vip: desired.cluster.network.vip,
            };
            self.site.act(&self.machine, Work::Clean(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
