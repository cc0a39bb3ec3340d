//! The first control plane.

use std::sync::Arc;

use super::site::{self, Site};
use super::state::State;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::kubeadm;
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{InitWork, Work};

pub(super) struct Init {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Init {
    fn title(&self) -> String {
        "make the first control plane".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (settings, node) = (self.site.settings(&self.machine)?, self.site.node(&self.machine)?);
            let file = kubeadm::init(&settings, &node);
            let work = InitWork {
                config: file.map_err(|problems| problems.as_one())?.text()?,
                ignore: site::IGNORED_CHECKS.map(str::to_owned).to_vec(),
                cluster: self.site.cluster().name.clone(),
                hosts: plan::hosts_once_joined(&self.site.desired, &self.machine),
                statics: site::statics(),
                configured: plan::configuration_of(&self.site.desired, self.machine.role),
            };
            self.site.act(&self.machine, Work::Init(work), progress).await?;
            self.learn_identity().await?;
            Ok(Acted::Changed)
        })
    }
}

impl Init {
    /// From here on the cluster has an identity, and the operator keeps it before anything else happens; and what it was made with,
    /// which an earlier run that came to nothing may have been told otherwise.
    async fn learn_identity(&self) -> Result<()> {
        let look = self.site.look();
        let facts = self.site.agent(&self.machine).await?.ask(look).await?;
        let made = |state: &mut State| {
            state.authority = facts.authority;
            if let Some(applied) = &mut state.applied {
                applied.made_with = self.site.desired.configuration();
            }
        };
        self.site.change_state(made).save(&self.site.home)
    }
}
