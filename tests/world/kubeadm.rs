//! What kubeadm and kubelet do to a machine and its cluster, thing by thing: power may fail between any two of them.

use std::net::IpAddr;
use std::time::Duration;

use sealift::error::{Class, Problem, Result};
use sealift::model::{Configuration, Digest, MachineName, NodeFacts, Part, Role};

use sealift::wire::Touched;

use super::cluster::{Cluster, Member};
use super::job::Job;
use super::state::State;

/// What an API server may take to answer, and how often it is asked.
const API_DEADLINE: Duration = Duration::from_mins(4);
const ASK_EVERY: Duration = Duration::from_secs(1);

impl State {
    /// Whether kubelet was let in and runs.
    pub fn is_in(&self, name: &MachineName) -> bool {
        self.machines[name].disk.kubernetes.kubelet && self.machines[name].runs("kubelet.service")
    }

    /// Lets every kubelet that runs tell its API of its Node.
    pub fn register_kubelets(&mut self) {
        let names: Vec<MachineName> = self.machines.keys().filter(|name| self.is_in(name)).cloned().collect();
        for name in names {
            let machine = &self.machines[&name];
            let Some(authority) = machine.disk.kubernetes.authority.clone() else { continue };
            let node = NodeFacts {
                name: machine.hostname(),
                machine_id: machine.machine_id.clone(),
                ready: false,
                version: "v1.36.3".to_owned(),
                addresses: vec![machine.address],
                control_plane: false,
                cordoned: false,
                labels: [].into(),
                taints: vec![],
                ours: sealift::model::OursOnNode::default(),
            };
            if let Some(cluster) = self.answering(&authority) {
                cluster.nodes.entry(node.name.clone()).or_insert(node);
            }
        }
    }

    /// Takes the member at an address out of etcd, if what is left can decide before and after.
    pub fn remove_member(&mut self, asked: &MachineName, address: IpAddr) -> Result<Touched> {
        let authority = self.machines[asked].disk.kubernetes.authority.clone();
        let authority = authority.ok_or_else(|| failed("etcd does not answer"))?;
        let cluster = &self.clusters[&authority];
        let Some(member) = cluster.members.iter().find(|member| member.address == address) else {
            return Ok(Touched::Unchanged);
        };
        let mut without = cluster.clone();
        without.members.retain(|other| other.id != member.id);
        if !cluster.has_quorum(&self.machines) || !without.has_quorum(&self.machines) {
            return Err(Problem::new(Class::Quorum, "etcd would lose its quorum"));
        }
        self.clusters.insert(authority, without);
        Ok(Touched::Changed)
    }

    /// Makes sure that etcd can take a member at an address.
    pub fn admit_member(
        &mut self,
        asked: &MachineName,
        address: IpAddr,
        unfinished: &[IpAddr],
    ) -> Result<()> {
        let members = self.api(asked)?.members.clone();
        for member in members {
            let healthy = Cluster::is_healthy(&member, &self.machines);
            if member.address == address && healthy && !member.learner {
                return Err(Problem::new(Class::Refused, "etcd has a member on this machine that works"));
            }
            if member.address == address || member.learner && unfinished.contains(&member.address) {
                self.remove_member(asked, member.address)?;
            }
        }
        self.etcd_is_whole(asked)
    }

    /// Tells whether every member votes and answers.
    pub fn etcd_is_whole(&mut self, asked: &MachineName) -> Result<()> {
        let members = self.api(asked)?.members.clone();
        let whole = |member: &Member| !member.learner && Cluster::is_healthy(member, &self.machines);
        if members.iter().all(whole) {
            return Ok(());
        }
        Err(Problem::new(Class::Quorum, "etcd takes no new member while its own are not well"))
    }

    /// `kubeadm reset`: it takes its member out of etcd if the others answer, and only warns if not.
    pub fn reset(&mut self, name: &MachineName) {
        let own = self.machines[name].disk.kubernetes.clone();
        if let Some(authority) = &own.authority
            && let Some(cluster) = self.answering(authority)
            && cluster.members.len() > 1
        {
            cluster.members.retain(|member| Some(member.id) != own.member);
        }
        let machine = self.machine(name);
        machine.disk.kubernetes = super::machine::Kubernetes::default();
        machine.stop("kubelet.service");
        self.bury();
    }

    pub fn mark_control_plane(&mut self, name: &MachineName) {
        self.register_kubelets();
        let node = self.machines[name].hostname();
        for cluster in self.clusters.values_mut() {
            if let Some(node) = cluster.nodes.get_mut(&node) {
                node.control_plane = true;
            }
        }
    }
}

impl Job {
    pub async fn kubeadm_init(&self, configured: &Configuration) -> Result<()> {
        self.change(|state, name| {
            let authority = Digest::of(format!("ca {}", state.new_id()));
            let own = &mut state.machine(name).disk.kubernetes;
            (own.authority, own.admin, own.manifests) = (Some(authority), true, true);
        })
        .await?;
        self.change(|state, name| {
            let id = state.new_id();
            let machine = state.machine(name);
            machine.disk.kubernetes.member = Some(id);
            machine.disk.kubernetes.kubelet = true;
            machine.start("kubelet.service");
            let authority = machine.disk.kubernetes.authority.clone().expect("it was made a moment ago");
            let member = Member { id, machine: name.clone(), address: machine.address, learner: false };
            machine.disk.kubernetes.configured.clone_from(configured);
            let documents = configured.clone();
            let cluster = Cluster { members: vec![member], documents, ..Cluster::new(authority.clone()) };
            state.clusters.insert(authority, cluster);
        })
        .await?;
        self.furnish().await
    }

    /// Makes a part of the components by the documents that the cluster keeps.
    pub async fn configure_by_documents(&self, part: Part) -> Result<()> {
        self.change(|state, name| {
            let authority = state.machines[name].disk.kubernetes.authority.clone();
            let cluster = authority.and_then(|authority| state.answering(&authority));
            let documents = cluster.ok_or_else(|| failed("no API server answers"))?.documents.clone();
            let made = documents.into_iter().filter(|(of, _)| *of == part);
            state.machine(name).disk.kubernetes.configured.extend(made);
            Ok(())
        })
        .await?
    }

    /// The phases of `kubeadm init` after the API answers. Each can be repeated.
    pub async fn furnish(&self) -> Result<()> {
        self.change(State::mark_control_plane).await?;
        self.change(|state, name| {
            state.api(name).map(|cluster| {
                cluster.furnished = true;
                cluster.tokens += 1;
            })
        })
        .await?
    }

    pub async fn kubeadm_join(&self, role: Role, authority: &Digest) -> Result<()> {
        let of_control_plane = role == Role::ControlPlane;
        let mut documents = self.ask_to_join(of_control_plane, authority)?;
        documents.retain(|part, _| *part == Part::Kubelet || *part == Part::ControlPlane && of_control_plane);
        self.change(|state, name| {
            let own = &mut state.machine(name).disk.kubernetes;
            own.authority = Some(authority.clone());
            (own.admin, own.manifests) = (of_control_plane, of_control_plane);
        })
        .await?;
        self.change(|state, name| {
            let machine = state.machine(name);
            machine.disk.kubernetes.kubelet = true;
            machine.disk.kubernetes.configured = documents;
            machine.start("kubelet.service");
            state.register_kubelets();
        })
        .await?;
        if !of_control_plane {
            return Ok(());
        }
        self.change(|state, name| {
            let id = state.new_id();
            state.machine(name).disk.kubernetes.member = Some(id);
            let added = {
                let machine = state.machines.remove(name).expect("the world has this machine");
                let added = match state.answering(authority) {
                    Some(cluster) => cluster.add_learner(id, &machine),
                    None => Err(failed("etcd does not answer")),
                };
                state.machines.insert(name.clone(), machine);
                added
            };
            if added.is_err() {
                state.machine(name).disk.kubernetes.member = None;
            }
            added
        })
        .await??;
        self.change(|state, name| {
            let cluster = state.answering(authority).ok_or_else(|| failed("etcd does not answer"))?;
            for member in cluster.members.iter_mut().filter(|member| member.machine == *name) {
                member.learner = false;
            }
            Ok(())
        })
        .await??;
        self.change(State::mark_control_plane).await
    }

    /// What kubeadm looks for in the cluster before it joins. Returns the documents there.
    fn ask_to_join(&self, of_control_plane: bool, authority: &Digest) -> Result<Configuration> {
        let mut state = self.world.state();
        let machine = &state.machines[&self.machine];
        if machine.disk.kubernetes.was_begun() {
            return Err(failed("/etc/kubernetes is not empty"));
        }
        let hostname = machine.hostname();
        let Some(cluster) = state.answering(authority) else { return Err(failed("no API server answers")) };
        if !cluster.furnished || cluster.tokens == 0 {
            return Err(failed("the token is not known"));
        }
        if of_control_plane && !cluster.certificates {
            return Err(failed("the Secret kubeadm-certs was not found"));
        }
        let nodes = state.clusters[authority].nodes(&state.machines);
        if nodes.iter().any(|node| node.name == hostname && node.ready) {
            return Err(failed(&format!("a Node with name {hostname} and status Ready already exists")));
        }
        Ok(state.clusters[authority].documents.clone())
    }

    /// Waits until the API server of this machine answers.
    pub async fn await_api(&self) -> Result<()> {
        if self.within(API_DEADLINE, State::api_is_ready).await {
            return Ok(());
        }
        Err(Problem::new(Class::Kubernetes, "the API server does not get ready"))
    }

    /// Waits until something holds, no longer than `deadline`; tells whether it does.
    pub async fn within(&self, deadline: Duration, holds: impl Fn(&State, &MachineName) -> bool) -> bool {
        let until = tokio::time::Instant::now() + deadline;
        while !holds(&self.world.state(), &self.machine) {
            if tokio::time::Instant::now() > until {
                return false;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        true
    }
}

fn failed(why: &str) -> Problem {
    Problem::new(Class::Kubernetes, "`kubeadm join` failed").saw(why)
}
