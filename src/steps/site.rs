//! What all steps of a run share: the wish, what was seen, the machines, and what earlier steps found out.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::cluster::Fleet;
use crate::engine::Progress;
use crate::error::{Class, Problem, Result};
use crate::kubeadm::{self, ClusterSettings, NodeSettings};
use crate::model::{Cluster, Digest, Entrance, MachineFacts, MachineName, MachineSpec, Observed, Part, Role};
use crate::plan::{self, Desired, Endpoints};
use crate::wire::{Act, AgentClient, JoinSecrets, Look, Measure, MintJoin, Work};

use super::commanding::heard_by;
use super::departing::Departures;
use super::drain::DrainPolicy;
use super::state::State;

/// Opens the blobs of images.
pub trait Blobs: Send + Sync {
    /// Opens one by its digest.
    fn open(&self, digest: &Digest) -> Result<File>;
}

/// A run's common ground.
pub struct Site {
    /// The wish.
    pub desired: Desired,
    /// What was seen before the run.
    pub observed: Observed,
    /// The machines.
    pub fleet: Fleet,
    /// The images' blobs.
    pub blobs: Arc<dyn Blobs>,
    /// The operator's directory.
    pub home: PathBuf,
    /// What will be kept of the cluster.
    pub state: Mutex<State>,
    /// How Nodes are emptied.
    pub drain: DrainPolicy,
    /// What the run's steps found out.
    pub learned: Learned,
}

/// What steps of a run found out for those after them; nothing at first.
#[derive(Default)]
pub struct Learned {
    /// What lets workers in; made once, when the first of them joins.
    worker_secrets: OnceCell<JoinSecrets>,
    /// The control plane that was commanded from the last time.
    commanding: Mutex<Option<MachineName>>,
    /// How far machines that leave have come.
    pub(super) departures: Departures,
}

impl Site {
    /// Returns the same ground as it was seen later. What steps found out is not part of it.
    #[must_use]
    pub fn seen_again(&self, observed: Observed) -> Self {
        Self {
            desired: self.desired.clone(),
            observed,
            fleet: self.fleet.clone(),
            blobs: self.blobs.clone(),
            home: self.home.clone(),
            state: Mutex::new(self.change_state(|_| {})),
            drain: self.drain,
            learned: Learned::default(),
        }
    }

    /// Returns the desired cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.desired.cluster
    }

    /// Returns what a machine said of itself before the run.
    pub fn facts(&self, machine: &MachineSpec) -> Result<&MachineFacts> {
        self.observed.facts(&machine.name).ok_or_else(|| {
            Problem::new(Class::Connection, "the machine did not answer when it was looked at")
                .on(&machine.name)
        })
    }

    /// Returns a machine's agent.
    pub async fn agent(&self, machine: &MachineSpec) -> Result<AgentClient> {
        self.fleet.agent(&machine.name).await
    }

    /// Has a machine do a piece of work and passes its words on.
    pub async fn act(&self, machine: &MachineSpec, work: Work, progress: &Progress) -> Result<()> {
        let act = Act { cluster: self.cluster().name.clone(), work };
        self.agent(machine).await?.ask_hearing(act, heard_by(progress)).await
    }

    /// Returns the order for a look at nothing but what can be read.
    pub fn look(&self) -> Look {
        Look { ports: vec![], cri_socket: self.desired.cri_socket().to_owned(), measure: Measure::Nothing }
    }

    /// Returns the name of a machine's Node.
    pub fn node_name(&self, machine: &MachineSpec) -> Result<String> {
        self.node(machine).map(|node| node.name)
    }

    /// Returns what kubeadm is told of the cluster.
    pub fn settings<'a>(&'a self, machine: &MachineSpec) -> Result<ClusterSettings<'a>> {
        plan::settings(&self.desired, &self.observed, machine)
    }

    /// Returns what kubeadm is told of one node.
    pub fn node(&self, machine: &MachineSpec) -> Result<NodeSettings> {
        plan::node(&self.desired, &self.observed, machine)
    }

    /// Returns the kubeadm.yml of a control plane that is in, of whose components the manifests are made.
    pub(super) fn control_plane_file(&self, machine: &MachineSpec) -> Result<String> {
        let file = kubeadm::remade(&self.settings(machine)?, &self.node(machine)?, self.entrance(machine));
        file.map_err(|problems| problems.as_one())?.text()
    }

    /// Returns the directory on a machine from which kubeadm takes patches there.
    pub(super) fn patches(&self, machine: &MachineSpec) -> Result<Option<String>> {
        let (settings, node) = (self.settings(machine)?, self.node(machine)?);
        let directory = kubeadm::patches_directory(&settings, &node, self.entrance(machine));
        directory.map_err(|problems| problems.as_one())
    }

    fn entrance(&self, machine: &MachineSpec) -> Entrance {
        plan::entrance(&self.desired, &self.observed, machine)
    }

    /// Returns the digest of what a part of the components is told.
    pub(super) fn configured(&self, part: Part) -> Result<Digest> {
        let digest = self.desired.configuration().remove(&part);
        digest.ok_or_else(|| Problem::new(Class::Internal, "a part of the configuration has no digest"))
    }

    /// Returns what a joining machine dials: workers the virtual address, control planes one that answers.
    pub async fn join_endpoint(&self, machine: &MachineSpec, endpoints: &Endpoints) -> Result<SocketAddr> {
        let address = match machine.role {
            Role::Worker => endpoints.vip,
            Role::ControlPlane => self.commanding().await?.address,
        };
        Ok(SocketAddr::new(address, crate::kubeadm::API_PORT))
    }

    /// Returns what lets workers in.
    pub async fn worker_secrets(&self) -> Result<JoinSecrets> {
        let mint = || self.command(MintJoin { certificate_key: None });
        self.learned.worker_secrets.get_or_try_init(mint).await.cloned()
    }

    /// Returns the control plane that was commanded from the last time.
    pub(super) fn last_commanding(&self) -> Option<MachineName> {
        self.learned.commanding.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps to this control plane, as long as it answers.
    pub(super) fn remember(&self, machine: &MachineSpec) {
        let mut last = self.learned.commanding.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(machine.name.clone());
    }

    /// Tells whether a machine was in the cluster and is not to be any more.
    pub fn is_leaving(&self, machine: &MachineName) -> bool {
        self.desired.leaving.iter().any(|leaving| leaving.name == *machine)
    }

    /// Writes down that a machine has left for good, so that no later run looks for it.
    pub(super) fn has_left(&self, machine: &MachineSpec) -> Result<()> {
        let is_listed = |state: &State| state.leaving.iter().any(|one| one.name == machine.name);
        let mut was_listed = false;
        let state = self.change_state(|state| {
            was_listed = is_listed(state);
            state.part_with(|one| one.name == machine.name);
        });
        if was_listed { state.save(&self.home) } else { Ok(()) }
    }

    /// Changes what will be kept of the cluster.
    pub fn change_state(&self, change: impl FnOnce(&mut State)) -> State {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        state.clone()
    }

    /// Returns all machines' names.
    pub fn machine_names(&self) -> impl Iterator<Item = &MachineName> {
        self.cluster().machines.iter().map(|machine| &machine.name)
    }
}

/// kubeadm's preflight checks that are not ours to pass: it looks for the kernel's configuration file, which
/// containers and some distributions have not, and refuses the old control groups. Ours looks at the features.
pub(super) const IGNORED_CHECKS: [&str; 1] = ["SystemVerification"];

/// Seconds that etcd may need to be well before a member joins or is interrupted.
pub(super) const ETCD_DEADLINE: u64 = 90;

/// Files of the image that the API server mounts.
pub(super) fn statics() -> Vec<(String, String)> {
    vec![("statics/audit-policy.yml".to_owned(), "/etc/kubernetes/audit-policy.yml".to_owned())]
}
