//! What a plan is made of.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::desired::Desired;
use super::fingerprint::fingerprint;
use crate::error::Problem;
use crate::model::{Digest, DocumentChange, ImageName, MachineName, Observed, Remade};

/// One kind of thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// Take possession of a machine: install the agent, write the marker.
    Claim,
    /// Send it layers.
    SendLayers {
        /// Their diffIDs.
        layers: Vec<Digest>,
        /// The bytes that travel.
        bytes: u64,
    },
    /// Lay the rootfs out and render its templates.
    LayOut,
    /// Set names and start care.
    Endpoints,
    /// Start the registry.
    Registry,
    /// Put the images into an external registry.
    FillRegistry,
    /// Let the registries take the new credentials beside the former ones.
    AcceptCredentials,
    /// Let the registries refuse the former credentials.
    WithdrawCredentials,
    /// Run the image's `init`.
    Prepare,
    /// Make the first control plane.
    Init,
    /// Join as a control plane.
    JoinControlPlane,
    /// Join as a worker.
    JoinWorker,
    /// Run the commands of the images that the machine's rootfs is made of.
    RunCommands,
    /// Run a hook of the operator's.
    Hook {
        /// Its name.
        hook: String,
    },
    /// Launch an application.
    Launch {
        /// The image.
        image: ImageName,
    },
    /// Take an application off the cluster.
    Uninstall {
        /// The image.
        image: ImageName,
    },
    /// Wait until Nodes and system pods are Ready.
    AwaitReady,
    /// Keep the cluster's definition in the cluster and with the operator.
    KeepState,
    /// Hand the operator a kubeconfig.
    Kubeconfig,
    /// Give a Node the labels and taints that are wanted.
    ConfigureNode,
    /// Give a kubelet the arguments that are wanted.
    ConfigureKubelet,
    /// Put documents into the cluster by which machines join, and by which components that run are configured anew.
    UploadConfiguration {
        /// Their kinds.
        kinds: Vec<String>,
    },
    /// Make components of a control plane anew, as the cluster's configuration says.
    ReconfigureControlPlane {
        /// What is made anew.
        remade: Vec<Remade>,
    },
    /// Give a kubelet the configuration that the cluster keeps.
    ReconfigureKubelet,
    /// Give kube-proxy its configuration, and replace its pods.
    ReconfigureProxy,
    /// Put back what ran on a control plane before a change of its configuration that was cut off.
    PutBack,
    /// Keep new pods from a Node and move those that run there elsewhere.
    Drain,
    /// Take a control plane's etcd out of the members.
    RemoveEtcdMember,
    /// Remove a Node from the API.
    DeleteNode,
    /// Leave the cluster and remove what it brought.
    Clean,
    /// Remove the marker, the data and the agent.
    Leave,
    /// Remove one machine that a provider made.
    RemoveMachine,
    /// Remove the machines that a provider made.
    RemoveMachines,
    /// Forget the cluster on the operator's side.
    ForgetCluster,
}

/// What a step costs those who use the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Disruption {
    /// Nothing.
    None,
    /// What runs on the machine is interrupted: a service starts anew, or pods go elsewhere.
    Machine,
    /// Something is deleted, or leaves the cluster.
    Data,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// Its place in the plan, from 1.
    pub number: usize,
    /// The machine it works on; none for the cluster as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineName>,
    /// What it does.
    #[serde(flatten)]
    pub action: Action,
    /// Why it is needed, as seen.
    pub reason: String,
    /// What it costs.
    pub disruption: Disruption,
    /// Steps that must have succeeded before.
    pub needs: Vec<usize>,
    /// Steps that must have ended before, however.
    pub follows: Vec<usize>,
}

/// A file that will be otherwise than it is, or than its image has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    /// The image in whose tree it is; the rootfs image stands for what it and all patches make.
    pub image: ImageName,
    /// The file, from the image's root on.
    pub path: String,
    /// The Configs that change it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<String>,
    /// The template that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The machine whose variables it is shown with, where it is not the same on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineName>,
    /// What changes in it, as a unified difference; of a Secret nothing is shown.
    pub difference: String,
}

/// The format of plans that this version writes and reads.
pub const FORMAT: u32 = 1;

/// What would happen, in an order that can be read from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The format of this document.
    pub format: u32,
    /// The cluster's name.
    pub cluster: String,
    /// The digest of what the plan was made from.
    pub fingerprint: Digest,
    /// Its steps.
    pub steps: Vec<PlannedStep>,
    /// Why machines were left out of it: the rest is done without them, and the run ends as partial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<Problem>,
    /// What becomes of files of the images, as far as Configs and variables change it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
    /// What changes in the documents by which the components of a cluster that runs are configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentChange>,
}

impl Plan {
    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Tells whether it does nothing but bring the API back, without which it is not known what else is to do.
    pub fn only_puts_back(&self) -> bool {
        !self.is_empty() && self.steps.iter().all(|step| step.action == Action::PutBack)
    }

    /// Returns the machines on which something is to do.
    pub fn machines(&self) -> BTreeSet<&MachineName> {
        self.steps.iter().filter_map(|step| step.machine.as_ref()).collect()
    }
}

/// Collects steps in the order they are thought of.
pub struct PlanBuilder {
    plan: Plan,
}

impl PlanBuilder {
    /// Begins a plan that is made from these.
    pub fn new(desired: &Desired, observed: &Observed) -> Self {
        let plan = Plan {
            format: FORMAT,
            cluster: desired.cluster.name.clone(),
            fingerprint: fingerprint(desired, observed),
            steps: Vec::new(),
            set_aside: Vec::new(),
            files: Vec::new(),
            documents: Vec::new(),
        };
        Self { plan }
    }

    /// Says what changes in documents of components that run.
    pub fn documents(&mut self, changes: Vec<DocumentChange>) {
        self.plan.documents = changes;
    }

    /// Leaves a machine out, for a reason that its operator is told.
    pub fn set_aside(&mut self, problem: Problem) {
        self.plan.set_aside.push(problem);
    }

    /// Adds a step that needs the steps in `needs` and returns its number.
    pub fn add(
        &mut self,
        machine: Option<&MachineName>,
        action: Action,
        reason: impl Into<String>,
        needs: impl IntoIterator<Item = usize>,
    ) -> usize {
        let number = self.plan.steps.len() + 1;
        let mut needs: Vec<usize> = needs.into_iter().collect();
        needs.sort_unstable();
        needs.dedup();
        let disruption = match action {
            Action::RemoveEtcdMember
            | Action::DeleteNode
            | Action::Clean
            | Action::Leave
            | Action::RemoveMachine
            | Action::RemoveMachines
            | Action::Uninstall { .. }
            | Action::ForgetCluster => Disruption::Data,
            Action::Drain => Disruption::Machine,
            _ => Disruption::None,
        };
        self.plan.steps.push(PlannedStep {
            number,
            machine: machine.cloned(),
            action,
            reason: reason.into(),
            disruption,
            needs,
            follows: Vec::new(),
        });
        number
    }

    /// Makes a step wait for others, however they end.
    pub fn follow(&mut self, step: Option<usize>, others: impl IntoIterator<Item = usize>) {
        if let Some(step) = step.and_then(|step| self.plan.steps.get_mut(step - 1)) {
            step.follows.extend(others);
            step.follows.sort_unstable();
            step.follows.dedup();
            step.follows.retain(|other| step.needs.binary_search(other).is_err());
        }
    }

    /// Notes that a step interrupts what runs on its machine.
    pub fn interrupts(&mut self, step: usize) {
        if let Some(step) = self.plan.steps.get_mut(step - 1) {
            step.disruption = step.disruption.max(Disruption::Machine);
        }
    }

    /// Returns how many steps there are so far.
    pub fn len(&self) -> usize {
        self.plan.steps.len()
    }

    /// Tells whether there is no step so far.
    pub fn is_empty(&self) -> bool {
        self.plan.steps.is_empty()
    }

    /// Tells whether any step does more than to set labels and taints, so that something has to become Ready again.
    pub fn interferes(&self) -> bool {
        self.plan.steps.iter().any(|step| step.action != Action::ConfigureNode)
    }

    /// Returns the plan.
    pub fn finish(self) -> Plan {
        self.plan
    }
}
