//! care and the names it stands behind.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::{Class, Context, Result};
use crate::ha::authority::REGISTRY_NAME;
use crate::ha::config::{
    ApiBalancer, CareConfig, CertificateSource, EndpointRefresh, RegistryTunnel, VipPlacement,
};
use crate::ha::learned::Generation;
use crate::kubeadm::API_PORT;
use crate::model::{BoxFuture, MachineSpec};
use crate::plan;
use crate::wire::{EndpointsWork, Work};

pub(super) struct Endpoints {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Endpoints {
    fn title(&self) -> String {
        "start care".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let desired = &self.site.desired;
            let first = self.site.first()?.address;
            // A control plane that answers already keeps asking itself.
            let hosts = if self.site.facts(&self.machine)?.api_ready {
                plan::hosts_once_joined(desired, &self.machine)
            } else {
                plan::hosts_of(desired, &self.machine, first)
            };
            let care = serde_json::to_value(self.care())
                .problem(Class::Internal, "cannot write care's configuration")?;
            let work = EndpointsWork { receipt: plan::connected(desired, &self.machine), hosts, care };
            self.site.act(&self.machine, Work::Endpoints(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}

impl Endpoints {
    fn care(&self) -> CareConfig {
        let desired = &self.site.desired;
        let endpoints = plan::endpoints(desired, &self.machine);
        let refresh = EndpointRefresh::default();
        let placement = if endpoints.vip_here { VipPlacement::Loopback } else { VipPlacement::None };
        CareConfig {
            cluster: desired.cluster.name.clone(),
            generation: Generation(0),
            own_address: endpoints.own_address,
            api: Some(ApiBalancer {
                listen: endpoints.vip,
                port: API_PORT,
                servers: endpoints.api_servers,
                ca: Some(CertificateSource::File(refresh.ca.clone())),
                on_this_machine: placement,
            }),
            registry: Some(RegistryTunnel {
                listen: vec![endpoints.registry_listen],
                servers: endpoints.registries,
                ca_pem: desired.registry.authority.clone(),
                server_name: REGISTRY_NAME.to_owned(),
            }),
            refresh: Some(refresh),
        }
    }
}
