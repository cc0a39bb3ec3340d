//! What brings one machine to the point where kubeadm can run on it, and keeps it there.

use super::applications;
use super::desired::Desired;
use super::hooks;
use super::layers::{self, Duty};
use super::receipts;
use super::situation::Standing;
use super::step::{Action, PlanBuilder};
use crate::model::{Digest, HookPhase, Intent, LayerInfo, MachineFacts, MachineName, RegistryStyle, Role};

/// The unit of the image's shim, in every image that has one.
const SHIM: &str = "image-cri-shim.service";

/// The steps that make one machine ready.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Preparation {
    /// The last of them, if any is needed.
    pub(super) last: Option<usize>,
    /// The one that starts its registry.
    pub(super) registry: Option<usize>,
    /// The last one that interrupts what runs there.
    pub(super) interruption: Option<usize>,
}

/// What of other machines a preparation has to wait for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    /// The control plane that hooks of the first one are for.
    pub(super) first: &'a MachineName,
    /// The registry that the image's `init` fetches from.
    pub(super) registry: Option<usize>,
    /// Who puts the images into an external registry, which lacks them.
    pub(super) filling: Option<&'a MachineName>,
    /// The step after which registries take the credentials that the machine is to come with, where they are new.
    pub(super) accepted: Option<usize>,
    /// The interruption of another control plane: they are interrupted one after the other.
    pub(super) interruption: Option<usize>,
}

/// When care on a machine is told of its control planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// While the machine is prepared: one of those it is told of serves, or it is not in the cluster yet.
    Now,
    /// When the first of them serves: until then those serve that it knows.
    Later,
}

/// Plans what one machine lacks. `facts` are what `machine` said.
pub(super) fn prepare(
    plan: &mut PlanBuilder,
    desired: &Desired,
    machine: &Standing<'_>,
    facts: &MachineFacts,
    duty: Duty,
    telling: Telling,
    before: Before<'_>,
) -> Preparation {
    let spec = machine.spec;
    let name = Some(&spec.name);
    let receipt = |work: &str| facts.holdings.receipts.get(work).map(|receipt| &receipt.digest);
    // What runs on a member is interrupted, and control planes are interrupted one after the other.
    let runs = machine.had_joined();
    let other = before.interruption.filter(|_| runs && spec.role == Role::ControlPlane);
    let mut steps = Preparation::default();
    if let Some(reason) = why_claim(facts, spec.role) {
        steps.last = Some(plan.add(name, Action::Claim, reason, None));
    }
    let missing = missing_layers(desired, facts, duty);
    if !missing.is_empty() {
        let bytes = missing.iter().map(|layer| layer.size).sum();
        let layers: Vec<Digest> = missing.iter().map(|layer| layer.diff_id.clone()).collect();
        let reason = format!("it lacks {} of the images' layers", layers.len());
        steps.last = Some(plan.add(name, Action::SendLayers { layers, bytes }, reason, steps.last));
    }
    let interrupt = |plan: &mut PlanBuilder, steps: &mut Preparation, action, reason, also: Option<usize>| {
        let step = plan.add(
            name,
            action,
            reason,
            steps.last.into_iter().chain(other).chain(also).chain(before.accepted),
        );
        if runs {
            plan.interrupts(step);
            steps.interruption = Some(step);
        }
        steps.last = Some(step);
    };
    let serves_from_tree =
        spec.role == Role::ControlPlane && desired.registry_style() == RegistryStyle::Container;
    let lays_out = receipt("lay-out") != Some(&receipts::lay_out(desired, spec, facts));
    if lays_out {
        let reason = "its rootfs is not of these images, variables and Configs";
        if serves_from_tree {
            // A registry in a container has nothing to serve from then on, until it is started anew.
            interrupt(plan, &mut steps, Action::LayOut, reason, None);
        } else {
            steps.last = Some(plan.add(name, Action::LayOut, reason, steps.last));
        }
    }
    let as_before = desired.cluster.registry.certificate_names().is_empty();
    let serves = receipt("registry").is_some_and(|served| {
        *served == receipts::registry(desired, spec, facts)
            || as_before && *served == receipts::registry_of_former_version(desired, spec, facts)
    });
    if before.filling == name {
        let reason = "nobody is known to have put these images there";
        steps.last = Some(plan.add(name, Action::FillRegistry, reason, steps.last));
        steps.registry = steps.last;
    }
    let runs_no_more = match desired.registry_style() {
        RegistryStyle::Unit => !facts.runs("registry.service"),
        RegistryStyle::Container => lays_out,
    };
    let is_own = desired.cluster.registry.external().is_none();
    if is_own && spec.role == Role::ControlPlane && (!serves || runs_no_more) {
        interrupt(plan, &mut steps, Action::Registry, "its registry does not run as wanted", None);
        steps.registry = steps.last;
    }
    if telling == Telling::Now {
        steps.last = tell(plan, desired, machine, facts, steps.last).or(steps.last);
    }
    if let Some(reason) = why_prepare(desired, facts, &receipts::prepared(desired, spec, facts)) {
        // They may make a disk anew, say, which nobody wants on a machine that is in.
        if !runs {
            let hooks =
                hooks::due(plan, desired, machine, before.first, HookPhase::BeforePrepare, steps.last);
            steps.last = hooks.or(steps.last);
        }
        interrupt(plan, &mut steps, Action::Prepare, reason, before.registry);
    }
    if why_configure_kubelet(facts, &receipts::kubelet(spec), spec.node.kubelet_arguments.is_empty()) {
        let reason = "its kubelet has other arguments";
        interrupt(plan, &mut steps, Action::ConfigureKubelet, reason, None);
    }
    steps
}

/// Plans that care on a machine is told of its control planes, if it does not know them.
pub(super) fn tell(
    plan: &mut PlanBuilder,
    desired: &Desired,
    machine: &Standing<'_>,
    facts: &MachineFacts,
    needs: Option<usize>,
) -> Option<usize> {
    let told = facts.holdings.receipts.get("endpoints").map(|receipt| &receipt.digest);
    if told == Some(&receipts::connected(desired, machine.spec)) && facts.runs("sealift-care.service") {
        return None;
    }
    let reason = "care does not know these control planes";
    Some(plan.add(Some(&machine.spec.name), Action::Endpoints, reason, needs))
}

fn why_claim(facts: &MachineFacts, role: Role) -> Option<&'static str> {
    match &facts.marker {
        None => Some("it is nobody's yet"),
        Some(marker) if marker.intent != Intent::Member => Some("it was leaving"),
        Some(marker) if marker.role != role => Some("it was claimed for something else"),
        Some(_) => None,
    }
}

fn why_prepare(desired: &Desired, facts: &MachineFacts, wanted: &Digest) -> Option<&'static str> {
    let receipt = facts.holdings.receipts.get("prepare").map(|receipt| &receipt.digest);
    if receipt != Some(wanted) || !facts.cri_answers {
        return Some("the image's init has no receipt here");
    }
    let needs_shim = desired.image_socket().is_some();
    (needs_shim && !facts.runs(SHIM)).then_some("the image's shim does not run")
}

fn missing_layers<'a>(desired: &'a Desired, facts: &MachineFacts, duty: Duty) -> Vec<&'a LayerInfo> {
    // What goes with a word of its own needs its files once more.
    let parting = desired.parting.iter().filter(|image| {
        duty == Duty::CommandingControlPlane && applications::clean_of(desired, image).is_some()
    });
    let parting = parting.flat_map(layers::files_of);
    let mut layers = layers::layers_for(&desired.images, duty);
    layers.extend(parting);
    layers.retain(|layer| !facts.holdings.layers.contains(&layer.diff_id));
    layers
}

/// A kubelet that was never given arguments and is to have none is as wanted.
fn why_configure_kubelet(facts: &MachineFacts, wanted: &Digest, no_arguments: bool) -> bool {
    match facts.holdings.receipts.get("kubelet") {
        Some(receipt) => receipt.digest != *wanted,
        None => !no_arguments,
    }
}
