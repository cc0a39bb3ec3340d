//! A control plane's components made anew with a changed configuration, while all of etcd is well.

use std::sync::Arc;

use super::site::{self, Site};
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec, Part, Remade};
use crate::wire::{AwaitEtcd, ControlPlaneWork, Work};

pub(super) struct ReconfigureControlPlane {
    pub(super) machine: MachineSpec,
    pub(super) remade: Vec<Remade>,
    pub(super) site: Arc<Site>,
}

impl Step for ReconfigureControlPlane {
    fn title(&self) -> String {
        "reconfigure its control plane".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (site, machine) = (&self.site, &self.machine);
            let whole = AwaitEtcd { seconds: site::ETCD_DEADLINE };
            site.command(whole).await.map_err(|problem| problem.on(&machine.name))?;
            let work = ControlPlaneWork {
                receipt: site.configured(Part::ControlPlane)?,
                cluster: site.cluster().name.clone(),
                config: site.control_plane_file(machine)?,
                remade: self.remade.clone(),
            };
            site.act(machine, Work::ControlPlaneConfiguration(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}
