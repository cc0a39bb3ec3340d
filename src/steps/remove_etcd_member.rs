//! A control plane's etcd taken out of the members, before its machine is cleaned.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec};
use crate::wire;

pub(super) struct RemoveEtcdMember {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for RemoveEtcdMember {
    fn title(&self) -> String {
        "take its etcd out of the members".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let order = wire::RemoveEtcdMember { address: self.machine.address };
            Ok(self.site.command_about(&self.machine, order, progress).await?.into())
        })
    }
}
