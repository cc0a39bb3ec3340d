//! The last of us removed from a machine.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::wire;

pub(super) struct Leave {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Leave {
    fn title(&self) -> String {
        "remove data, marker and agent".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            // Its lock goes with all else, and must not come back.
            self.site.fleet.let_go(&self.machine.name);
            let order = wire::Leave { cluster: self.site.cluster().name.clone() };
            self.site.agent(&self.machine).await?.ask(order).await?;
            self.site.has_left(&self.machine)?;
            Ok(Acted::Changed)
        })
    }
}
