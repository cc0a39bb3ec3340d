//! A control plane brought back to what ran before a change of its configuration was cut off.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::wire::{PutBackWork, Work};

pub(super) struct PutBack {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for PutBack {
    fn title(&self) -> String {
        "put back what ran before a change was cut off".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let work = PutBackWork { cluster: self.site.cluster().name.clone() };
            self.site.act(&self.machine, Work::PutBack(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
