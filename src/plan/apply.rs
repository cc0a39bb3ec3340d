//! The order in which a cluster is made. [`apply`] is the one place to read it.

use std::collections::BTreeMap;

use super::consents::Consents;
use super::desired::Desired;
use super::layers::{self, Duty};
use super::receipts;
use super::step::{Action, Plan, PlanBuilder};
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{
    Digest, ImageContract, LayerInfo, MachineFacts, MachineName, MachineSpec, Observed, Role,
};

/// Plans what is still to do until the cluster is as desired. Nothing to do gives an empty plan.
///
/// # Errors
/// When a machine that must be looked at did not answer, no control plane can be the first, or the cluster exists
/// but its API does not answer: a new one is never made over it. `authority` is the cluster's CA as far as the
/// operator knows one.
pub fn apply(
    desired: &Desired,
    observed: &Observed,
    authority: Option<&Digest>,
    _consents: &Consents,
) -> Result<Plan, Problems> {
    let mut plan = PlanBuilder::new(desired, observed);
    let state = State { desired, observed };
    let first = state.first_control_plane()?;
    state.refuse_silent_cluster(authority)?;

    // 1. Every machine is made ours and ready, all at once; but what an image's init fetches comes from the first
    //    control plane's registry.
    let mut ready = Vec::new();
    let mut registry = None;
    let others = desired.cluster.machines.iter().filter(|machine| machine.name != first.name);
    for machine in std::iter::once(first).chain(others) {
        let steps = state.prepare(&mut plan, machine, first, registry)?;
        registry = registry.or(steps.registry);
        ready.push((machine, steps.last));
    }
    let prepared = |wanted: &MachineSpec| {
        ready.iter().find(|(machine, _)| machine.name == wanted.name).and_then(|(_, step)| *step)
    };

    // 2. The first control plane makes the cluster.
    let mut made = prepared(first);
    if !state.is_member(first)? {
        made = Some(plan.add(
            Some(&first.name),
            Action::Init,
            "no control plane knows a cluster yet",
            prepared(first),
        ));
    }

    // 3. The other control planes join one after the other: etcd takes one new member at a time.
    let mut last_control_plane = made;
    for machine in desired.control_planes().filter(|machine| machine.name != first.name) {
        if state.is_member(machine)? {
            continue;
        }
        let needs = prepared(machine).into_iter().chain(made).chain(last_control_plane);
        last_control_plane =
            Some(plan.add(Some(&machine.name), Action::JoinControlPlane, "it is no member yet", needs));
    }

    // 4. Workers join side by side. One that fails is set aside.
    let mut joins = BTreeMap::new();
    for machine in desired.workers() {
        if state.is_member(machine)? {
            continue;
        }
        let needs = prepared(machine).into_iter().chain(made);
        let join = plan.add(Some(&machine.name), Action::JoinWorker, "it is no member yet", needs);
        joins.insert(&machine.name, join);
    }

    // 5. What the rootfs has to say once there is a cluster runs on every machine that is in.
    let mut ran = Vec::new();
    for machine in desired.cluster.machines.iter().filter(|machine| state.lacks_commands(machine)) {
        let joined = joins.get(&machine.name).copied();
        let needs = made.into_iter().chain(last_control_plane).chain(joined);
        ran.push(plan.add(Some(&machine.name), Action::RunCommands, "they have no receipt here", needs));
    }

    // 6. Applications are launched one after the other, as soon as there is an API.
    let mut launched = None;
    for image in desired.applications() {
        if state.is_launched(image) {
            continue;
        }
        let action = Action::Launch { image: image.name.clone() };
        let needs = made.into_iter().chain(launched);
        let follows = ran.clone();
        launched = Some(plan.add(Some(&first.name), action, state.why_launch(image), needs));
        if let Some(step) = launched {
            plan.follow(step, follows);
        }
    }

    // 7. Nodes and system pods become Ready, the cluster is written down, and the operator gets the key.
    let nothing_so_far = made.is_none()
        && last_control_plane.is_none()
        && joins.is_empty()
        && ran.is_empty()
        && launched.is_none()
        && ready.iter().all(|(_, step)| step.is_none());
    if !(nothing_so_far && state.all_ready()) {
        let needs = made.into_iter().chain(last_control_plane).chain(launched);
        let wait = plan.add(None, Action::AwaitReady, "a launch ends when everything is Ready", needs);
        let settled = joins.values().chain(&ran).copied().chain(ready.iter().filter_map(|(_, step)| *step));
        plan.follow(wait, settled);
        let kept = plan.add(None, Action::KeepState, "any machine may be lost later", made);
        plan.follow(kept, [wait]);
        let key = plan.add(None, Action::Kubeconfig, "it is what the operator came for", made);
        plan.follow(key, [wait]);
    }
    Ok(plan.finish())
}

/// The steps that make one machine ready.
struct Preparation {
    /// The last of them, if any is needed.
    last: Option<usize>,
    /// The one that starts its registry.
    registry: Option<usize>,
}

/// What is wanted against what is there.
struct State<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
}

impl<'a> State<'a> {
    fn facts(&self, machine: &MachineName) -> Result<&'a MachineFacts> {
        self.observed.facts(machine).ok_or_else(|| {
            Problem::new(Class::Connection, "the machine did not answer, so nothing can be planned for it")
                .on(machine)
        })
    }

    /// Returns a control plane that is a member already, else the first in the operator's order.
    fn first_control_plane(&self) -> Result<&'a MachineSpec> {
        for machine in self.desired.control_planes() {
            if self.facts(&machine.name)?.api_ready {
                return Ok(machine);
            }
        }
        self.desired.control_planes().next().ok_or_else(|| {
            Problem::new(Class::Usage, "a cluster needs a control plane").remedy("name one with --masters")
        })
    }

    /// A cluster that has an identity is never made again: what is silent now holds people's data.
    fn refuse_silent_cluster(&self, authority: Option<&Digest>) -> Result<()> {
        let knows = |machine: &&MachineSpec| {
            let marker = self.observed.facts(&machine.name).and_then(|facts| facts.marker.as_ref());
            marker.is_some_and(|marker| marker.authority.is_some())
        };
        let exists =
            authority.is_some() || self.desired.cluster.machines.iter().any(|machine| knows(&machine));
        if !exists || self.observed.api().is_some() {
            return Ok(());
        }
        let problem = Problem::new(
            Class::Kubernetes,
            "the cluster exists, but none of its API servers answers",
        )
        .remedy(
            "start its control planes, look at `journalctl -u kubelet` there, and run the same command again",
        )
        .remedy(format!(
            "or give it up with all its data: sealift reset --name {}",
            self.desired.cluster.name
        ));
        Err(match &self.observed.api {
            Some(crate::model::Seen::Unknown(seen)) => problem.saw(seen),
            _ => problem,
        })
    }

    /// Plans what brings one machine to the point where kubeadm can run.
    fn prepare(
        &self,
        plan: &mut PlanBuilder,
        machine: &MachineSpec,
        first: &MachineSpec,
        first_registry: Option<usize>,
    ) -> Result<Preparation> {
        let facts = self.facts(&machine.name)?;
        let name = Some(&machine.name);
        let (mut last, mut registry) = (None, None);
        if let Some(reason) = Self::why_claim(facts) {
            last = Some(plan.add(name, Action::Claim, reason, None));
        }
        let missing = self.missing_layers(machine, facts, first);
        if !missing.is_empty() {
            let bytes = missing.iter().map(|layer| layer.size).sum();
            let layers: Vec<Digest> = missing.iter().map(|layer| layer.diff_id.clone()).collect();
            let reason = format!("it lacks {} of the images' layers", layers.len());
            last = Some(plan.add(name, Action::SendLayers { layers, bytes }, reason, last));
        }
        let receipt = |work: &str| facts.holdings.receipts.get(work).map(|receipt| &receipt.digest);
        if receipt("lay-out") != Some(&receipts::lay_out(self.desired, machine, facts)) {
            last =
                Some(plan.add(name, Action::LayOut, "its rootfs is not of these images and variables", last));
        }
        if machine.role == Role::ControlPlane
            && (receipt("registry") != Some(&receipts::registry(self.desired, machine, facts))
                || !facts.runs("registry.service"))
        {
            last = Some(plan.add(name, Action::Registry, "its registry does not run as wanted", last));
            registry = last;
        }
        let connected = receipts::connected(self.desired, machine);
        if receipt("endpoints") != Some(&connected) || !facts.runs("sealift-care.service") {
            let reason = "care does not know these control planes";
            last = Some(plan.add(name, Action::Endpoints, reason, last));
        }
        if receipt("prepare") != Some(&receipts::prepared(self.desired, machine, facts)) || !facts.cri_answers
        {
            let needs = last.into_iter().chain(first_registry);
            last = Some(plan.add(name, Action::Prepare, "the image's init has no receipt here", needs));
        }
        Ok(Preparation { last, registry })
    }

    fn why_claim(facts: &MachineFacts) -> Option<&'static str> {
        match &facts.marker {
            None => Some("it is nobody's yet"),
            Some(marker) if marker.intent != crate::model::Intent::Member => Some("it was leaving"),
            Some(_) => None,
        }
    }

    fn missing_layers(
        &self,
        machine: &MachineSpec,
        facts: &MachineFacts,
        first: &MachineSpec,
    ) -> Vec<&'a LayerInfo> {
        let duty =
            if machine.name == first.name { Duty::CommandingControlPlane } else { Duty::of(machine.role) };
        let mut layers = layers::layers_for(&self.desired.images, duty);
        layers.retain(|layer| !facts.holdings.layers.contains(&layer.diff_id));
        layers
    }

    /// Tells whether a machine is a member: its kubelet was let in and the API has it as a Node.
    fn is_member(&self, machine: &MachineSpec) -> Result<bool> {
        let facts = self.facts(&machine.name)?;
        let known = self
            .observed
            .api()
            .is_some_and(|api| api.nodes.iter().any(|node| node.machine_id == facts.machine_id));
        let serves = machine.role == Role::Worker || facts.api_ready;
        Ok(facts.joined && known && serves && facts.runs("kubelet.service"))
    }

    /// Tells whether a machine has still to run the commands of its rootfs.
    fn lacks_commands(&self, machine: &MachineSpec) -> bool {
        self.observed.facts(&machine.name).is_some_and(|facts| {
            let wanted = receipts::ran(self.desired, machine, facts);
            let present = facts.holdings.receipts.get("commands").map(|receipt| &receipt.digest);
            wanted.is_some() && wanted.as_ref() != present
        })
    }

    fn is_launched(&self, image: &ImageContract) -> bool {
        let wanted = receipts::launched(self.desired, image);
        self.observed.api().is_some_and(|api| api.applications.get(&image.name) == Some(&wanted))
    }

    fn why_launch(&self, image: &ImageContract) -> &'static str {
        match self.observed.api().map(|api| api.applications.contains_key(&image.name)) {
            Some(true) => "its image, variables or commands have changed",
            _ => "it was not launched yet",
        }
    }

    /// Tells whether nothing is left to wait for.
    fn all_ready(&self) -> bool {
        self.observed.api().is_some_and(|api| {
            api.waiting_pods.is_empty()
                && self.desired.cluster.machines.iter().all(|machine| {
                    self.observed.facts(&machine.name).is_some_and(|facts| {
                        api.nodes.iter().any(|node| node.machine_id == facts.machine_id && node.ready)
                    })
                })
        })
    }
}
