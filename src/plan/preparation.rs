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
    let mut one = Preparing { plan, desired, machine, facts, before, steps: Preparation::default() };
    one.claim();
    one.send_layers(duty);
    let tree = one.lay_out();
    one.fill_registry();
    one.start_registry(tree);
    if telling == Telling::Now {
        let told = tell(one.plan, desired, machine, facts, one.steps.last);
        one.steps.last = told.or(one.steps.last);
    }
    one.run_init();
    one.configure_kubelet();
    one.steps
}

/// What becomes of the tree that the images' files make on a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tree {
    Stays,
    IsLaidAnew,
}

/// A machine whose preparation is planned, step after step.
struct Preparing<'a, 'b> {
    plan: &'a mut PlanBuilder,
    desired: &'a Desired,
    machine: &'a Standing<'b>,
    facts: &'a MachineFacts,
    before: Before<'a>,
    steps: Preparation,
}

impl Preparing<'_, '_> {
    fn claim(&mut self) {
        if let Some(reason) = why_claim(self.facts, self.machine.spec.role) {
            self.add(Action::Claim, reason);
        }
    }

    fn send_layers(&mut self, duty: Duty) {
        let missing = missing_layers(self.desired, self.facts, duty);
        if missing.is_empty() {
            return;
        }
        let bytes = missing.iter().map(|layer| layer.size).sum();
        let layers: Vec<Digest> = missing.iter().map(|layer| layer.diff_id.clone()).collect();
        let reason = format!("it lacks {} of the images' layers", layers.len());
        self.add(Action::SendLayers { layers, bytes }, &reason);
    }

    fn lay_out(&mut self) -> Tree {
        let wanted = receipts::lay_out(self.desired, self.machine.spec, self.facts);
        if self.receipt("lay-out") == Some(&wanted) {
            return Tree::Stays;
        }
        let reason = "its rootfs is not of these images, variables and Configs";
        let serves_from_tree = self.machine.spec.role == Role::ControlPlane
            && self.desired.registry_style() == RegistryStyle::Container;
        if serves_from_tree {
            // A registry in a container has nothing to serve from then on, until it is started anew.
            self.interrupt(Action::LayOut, reason, None);
        } else {
            self.add(Action::LayOut, reason);
        }
        Tree::IsLaidAnew
    }

    fn fill_registry(&mut self) {
        if self.before.filling == Some(&self.machine.spec.name) {
            self.add(Action::FillRegistry, "nobody is known to have put these images there");
            self.steps.registry = self.steps.last;
        }
    }

    fn start_registry(&mut self, tree: Tree) {
        let (desired, spec) = (self.desired, self.machine.spec);
        let is_own = desired.cluster.registry.external().is_none();
        if !is_own || spec.role != Role::ControlPlane {
            return;
        }
        let as_before = desired.cluster.registry.certificate_names().is_empty();
        let serves = self.receipt("registry").is_some_and(|served| {
            *served == receipts::registry(desired, spec, self.facts)
                || as_before && *served == receipts::registry_of_former_version(desired, spec, self.facts)
        });
        let runs = match desired.registry_style() {
            RegistryStyle::Unit => self.facts.runs("registry.service"),
            RegistryStyle::Container => tree == Tree::Stays,
        };
        if !serves || !runs {
            self.interrupt(Action::Registry, "its registry does not run as wanted", None);
            self.steps.registry = self.steps.last;
        }
    }

    fn run_init(&mut self) {
        let wanted = receipts::prepared(self.desired, self.machine.spec, self.facts);
        let Some(reason) = why_prepare(self.desired, self.facts, &wanted) else { return };
        // Hooks may make a disk anew, say, which nobody wants on a machine that is in.
        if !self.machine.had_joined() {
            let phase = HookPhase::BeforePrepare;
            let hooks =
                hooks::due(self.plan, self.desired, self.machine, self.before.first, phase, self.steps.last);
            self.steps.last = hooks.or(self.steps.last);
        }
        self.interrupt(Action::Prepare, reason, self.before.registry);
    }

    fn configure_kubelet(&mut self) {
        let spec = self.machine.spec;
        let has_none = spec.node.kubelet_arguments.is_empty();
        if why_configure_kubelet(self.facts, &receipts::kubelet(spec), has_none) {
            self.interrupt(Action::ConfigureKubelet, "its kubelet has other arguments", None);
        }
    }

    fn receipt(&self, work: &str) -> Option<&Digest> {
        self.facts.holdings.receipts.get(work).map(|receipt| &receipt.digest)
    }

    /// Plans a step after the last one.
    fn add(&mut self, action: Action, reason: &str) {
        let step = self.plan.add(Some(&self.machine.spec.name), action, reason, self.steps.last);
        self.steps.last = Some(step);
    }

    /// Plans a step after the last one, and after `also`, that interrupts what runs on a member; control planes are interrupted one
    /// after the other.
    fn interrupt(&mut self, action: Action, reason: &str, also: Option<usize>) {
        let (spec, runs) = (self.machine.spec, self.machine.had_joined());
        let other = self.before.interruption.filter(|_| runs && spec.role == Role::ControlPlane);
        let needs = self.steps.last.into_iter().chain(other).chain(also).chain(self.before.accepted);
        let step = self.plan.add(Some(&spec.name), action, reason, needs);
        if runs {
            self.plan.interrupts(step);
            self.steps.interruption = Some(step);
        }
        self.steps.last = Some(step);
    }
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
