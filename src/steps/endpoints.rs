//! care and the names it stands behind.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::{Class, Context, Result};
use crate::ha::authority::REGISTRY_NAME;
use crate::ha::config::{
    ApiBalancer, CareConfig, CertificateSource, EndpointRefresh, Owner, RegistryTunnel, VipPlacement,
};
use crate::ha::learned::Generation;
use crate::kubeadm::API_PORT;
use crate::model::{BoxFuture, MachineSpec, Role};
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
            let hosts = if self.serves().await? {
                plan::hosts_once_joined(desired, &self.machine)
            } else {
                plan::hosts_of(desired, &self.machine, self.site.first()?.address)
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
    /// Tells whether it is a control plane whose API server answers: that one asks itself. It may have joined after it was
    /// looked at, in this run or at the end of one that was cut off; another one that it would ask may be leaving.
    async fn serves(&self) -> Result<bool> {
        if self.machine.role == Role::Worker {
            return Ok(false);
        }
        Ok(self.site.agent(&self.machine).await?.ask(self.site.look()).await?.api_ready)
    }

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
                owner: if endpoints.external.is_some() { Owner::SomebodyElse } else { Owner::Cluster },
                server_name: endpoints.external.unwrap_or_else(|| REGISTRY_NAME.to_owned()),
            }),
            refresh: Some(refresh),
        }
    }
}
