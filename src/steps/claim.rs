//! Taking possession of a machine.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::wire;

pub(super) struct Claim {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Claim {
    fn title(&self) -> String {
        "claim the machine".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let state = self.site.change_state(|_| {});
            let order = wire::Claim {
                cluster: self.site.cluster().name.clone(),
                launch: self.site.desired.launch.clone(),
                authority: state.authority,
                role: self.machine.role,
                name: self.machine.name.clone(),
                node_name: self.site.node_name(&self.machine)?,
            };
            self.site.agent(&self.machine).await?.ask(order).await?;
            Ok(Acted::Changed)
        })
    }
}
