//! A machine joins, as a control plane or as a worker.

use std::sync::Arc;

use rand::RngExt;

use super::site::{self, Site};
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::kubeadm::{self, JoinTicket};
use crate::model::{ApiFacts, BoxFuture, MachineSpec, Role};
use crate::plan;
use crate::wire::{AdmitEtcdMember, ComeBackWork, DeleteNode, JoinWork, MintJoin, NodeKey, Snapshot, Work};

/// The first minor version whose kubeadm lets new members of etcd learn before they vote, unless told otherwise
/// (https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init/#feature-gates, `EtcdLearnerMode`).
const LEARNERS_SINCE: u64 = 29;

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
            if self.may_have_been_in() {
                self.come_back(progress).await?;
            }
            let ticket = self.ticket().await?;
            let file = kubeadm::join(&site.settings(&self.machine)?, &site.node(&self.machine)?, &ticket);
            let work = JoinWork {
                config: file.map_err(|problems| problems.as_one())?.text()?,
                ignore: site::IGNORED_CHECKS.map(str::to_owned).to_vec(),
                cluster: site.cluster().name.clone(),
                role: self.machine.role,
                authority: ticket.authority.parse()?,
                hosts: plan::hosts_once_joined(&site.desired, &self.machine),
                statics: site::statics(),
                configured: plan::configuration_of(&site.desired, self.machine.role),
            };
            site.act(&self.machine, Work::Join(work), progress).await?;
            Ok(Acted::Changed)
        })
    }
}

impl Join {
    /// A control plane may always have a member of etcd that its last join left behind; a worker only has its Node.
    fn may_have_been_in(&self) -> bool {
        let known = |api: &ApiFacts| {
            let machine_id = self.site.facts(&self.machine).map(|facts| &facts.machine_id);
            api.nodes.iter().any(|node| machine_id.as_ref().is_ok_and(|id| node.machine_id == **id))
        };
        self.machine.role == Role::ControlPlane || self.site.observed.api().is_some_and(known)
    }

    /// Either the machine is in again, or the cluster forgets what an earlier join of it left there.
    async fn come_back(&self, progress: &Progress) -> Result<()> {
        let (site, machine) = (&self.site, &self.machine);
        let work = ComeBackWork { cluster: site.cluster().name.clone(), role: machine.role };
        site.act(machine, Work::ComeBack(work), progress).await?;
        let facts = site.agent(machine).await?.ask(site.look()).await?;
        if facts.joined {
            return Ok(());
        }
        if machine.role == Role::ControlPlane {
            site.command_about(machine, self.admission()?, progress).await?;
        }
        // kubeadm lets nobody in under the name of a Node that was Ready a moment ago.
        let node = NodeKey::MachineId(facts.machine_id);
        site.command_about(machine, DeleteNode { node }, progress).await.map(drop)
    }

    fn admission(&self) -> Result<AdmitEtcdMember> {
        let site = &self.site;
        let is_in = |machine: &MachineSpec| {
            site.observed.facts(&machine.name).is_none_or(|facts| facts.joined && facts.api_ready)
        };
        let others = site.desired.control_planes().filter(|other| other.name != self.machine.name);
        let learns = site.desired.version()?.minor() >= LEARNERS_SINCE;
        Ok(AdmitEtcdMember {
            address: self.machine.address,
            unfinished: others.filter(|other| !is_in(other)).map(|other| other.address).collect(),
            seconds: site::ETCD_DEADLINE,
            snapshot: if learns { Snapshot::NotNeeded } else { Snapshot::Taken },
        })
    }

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
