//! A machine joins, as a control plane or as a worker.

use std::sync::Arc;

use rand::RngExt;

use super::site::{self, Site};
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::kubeadm::{self, JoinTicket};
use crate::model::{BoxFuture, MachineSpec, Role};
use crate::plan;
use crate::wire::{JoinWork, MintJoin, Work};

pub(super) struct Join {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Join {
    fn title(&self) -> String {
        format!("join as {}", self.machine.role)
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let site = &self.site;
            let ticket = self.ticket().await?;
            let work = JoinWork {
                config: kubeadm::join(&site.settings(&self.machine)?, &site.node(&self.machine)?, &ticket)?,
                ignore: site::IGNORED_CHECKS.map(str::to_owned).to_vec(),
                cluster: site.cluster().name.clone(),
                role: self.machine.role,
                authority: ticket.authority.parse()?,
                hosts: plan::hosts_once_joined(&site.desired, &self.machine),
                statics: site::statics(),
            };
            site.act(&self.machine, Work::Join(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}

impl Join {
    async fn ticket(&self) -> Result<JoinTicket> {
        let (certificate_key, secrets) = match self.machine.role {
            Role::Worker => (None, self.site.worker_secrets().await?),
            Role::ControlPlane => {
                let key = hex::encode(rand::rng().random::<[u8; 32]>());
                let secrets = self.site.command(MintJoin { certificate_key: Some(key.clone()) }).await?;
                (Some(key), secrets)
            }
        };
        Ok(JoinTicket {
            endpoint: self
                .site
                .join_endpoint(&self.machine, &plan::endpoints(&self.site.desired, &self.machine))
                .await?,
            token: secrets.token,
            authority: secrets.authority,
            certificate_key,
        })
    }
}
