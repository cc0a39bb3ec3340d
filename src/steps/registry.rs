//! The registry of a control plane.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use secrecy::ExposeSecret;

use super::site::Site;
use crate::engine::{Acted, Progress, Since, Step};
use crate::error::Result;
use crate::ha::authority::{Identity, registry_server};
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{RegistryWork, ScriptCommand, Work};

pub(super) struct Registry {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Registry {
    fn title(&self) -> String {
        "start the registry".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    /// How much the other registries have that this one lacks is known when it is there.
    fn since(&self) -> Since {
        if self.peers().is_empty() { Since::TheBegin } else { Since::TheLastWord }
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (desired, facts) = (&self.site.desired, self.site.facts(&self.machine)?);
            let access = &desired.registry;
            let authority = Identity {
                certificate_pem: access.authority.clone(),
                key_pem: access.authority_key.clone().into(),
            };
            let others = desired.cluster.registry.certificate_names();
            let own = registry_server(&authority, self.machine.address, others, SystemTime::now())?;
            let work = RegistryWork {
                receipt: plan::registry(desired, &self.machine, facts),
                cluster: desired.cluster.name.clone(),
                script: ScriptCommand {
                    text: desired.scripts()?.init_registry,
                    environment: plan::of_machine(desired, &self.machine, facts),
                },
                style: desired.registry_style(),
                listen: SocketAddr::new(self.machine.address, plan::REGISTRY_PORT),
                certificate: own.certificate_pem,
                key: own.key_pem.expose_secret().to_owned(),
                authority: access.authority.clone(),
                peers: self.peers(),
                users: std::iter::once(access.user()).chain(access.former.clone()).collect(),
            };
            self.site.act(&self.machine, Work::Registry(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}

impl Registry {
    /// Returns where other control planes' registries listen, of those that were there before the run.
    fn peers(&self) -> Vec<SocketAddr> {
        let serves = |machine: &&MachineSpec| {
            let facts = self.site.observed.facts(&machine.name);
            machine.name != self.machine.name
                && facts.is_some_and(|facts| facts.holdings.receipts.contains_key("registry"))
        };
        let others = self.site.desired.control_planes().filter(serves);
        others.map(|machine| SocketAddr::new(machine.address, plan::REGISTRY_PORT)).collect()
    }
}
