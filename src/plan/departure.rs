//! How one machine leaves: its pods first, then its vote, what the cluster brought, its Node, and all that is ours.

use super::desired::{Desired, Origin};
use super::hooks;
use super::situation::{Possession, Situation, Standing};
use super::step::{Action, PlanBuilder};
use crate::model::{HookPhase, MachineFacts, MachineSpec, NodeFacts, Observed, Seen};

/// The steps by which one machine leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Departure {
    /// The first of them.
    pub(super) first: Option<usize>,
    /// The one that takes its etcd out of the members, if it has one.
    pub(super) vote: Option<usize>,
    /// The last of them, if any is needed.
    pub(super) last: Option<usize>,
}

impl Departure {
    /// Returns these steps, and where this one has none those of the departure before it: who comes next waits for them.
    pub(super) fn or(self, before: Self) -> Self {
        Self {
            first: self.first.or(before.first),
            vote: self.vote.or(before.vote),
            last: self.last.or(before.last),
        }
    }
}

/// Plans that a machine leaves, each step after the one before and the first after `needs`. A machine that does not
/// answer, or that is not ours any more, is not touched: the cluster only forgets it.
pub(super) fn depart(
    plan: &mut PlanBuilder,
    now: &Situation<'_>,
    machine: &Standing<'_>,
    needs: impl IntoIterator<Item = usize>,
) -> Departure {
    let possession = now.possession(machine);
    let name = Some(&machine.spec.name);
    let mut needs: Vec<usize> = needs.into_iter().collect();
    let mut add = |plan: &mut PlanBuilder, action, reason: &str| {
        let step = plan.add(name, action, reason, needs.drain(..));
        needs.push(step);
        Some(step)
    };
    let before = plan.len();
    let mut steps = Departure::default();
    let made = now.desired.origin == Origin::Made;
    let cleaned = possession == Possession::Ours && !made;
    if cleaned {
        // Everything still runs: its pods, its vote, and on a control plane the API that a hook may ask.
        for hook in hooks::leaving(now.desired, machine, HookPhase::BeforeClean) {
            steps.last = add(plan, hooks::action(hook), &hooks::why(now.desired, hook));
        }
    }
    let runs_our_pods = matches!(possession, Possession::Ours | Possession::Unmarked);
    if runs_our_pods && machine.facts.is_some_and(|facts| pods_can_leave(machine, facts)) {
        steps.last = add(plan, Action::Drain, "its pods go elsewhere while they still run");
    }
    if machine.member.is_some() {
        let reason = match (machine.is_dead_member(), machine.facts) {
            (true, _) => "etcd's member there does not answer, and its vote is missed",
            (false, None) => "the machine does not answer and is given up",
            (false, Some(_)) => "etcd counts its vote until it is taken out",
        };
        steps.vote = add(plan, Action::RemoveEtcdMember, reason);
        steps.last = steps.vote;
    }
    if cleaned {
        // What its Node stands for is still there until then: volumes that are mounted, pods of the Node's own.
        steps.last = add(plan, Action::Clean, "it still has what the cluster brought");
    }
    if machine.node.or(machine.former_node).is_some() {
        let reason = match possession {
            Possession::Unknown => "the machine does not answer and is given up",
            Possession::Unmarked | Possession::Gone => "the machine is not ours any more",
            Possession::Ours => "the machine is not in the definition any more",
        };
        steps.last = add(plan, Action::DeleteNode, reason);
    }
    if made {
        // It goes as a whole, so it is not cleaned first; with it goes all that tells of its Node, so that goes before.
        steps.last = add(plan, Action::RemoveMachine, "sealift made it for this cluster");
    } else if cleaned {
        for hook in hooks::leaving(now.desired, machine, HookPhase::AfterClean) {
            steps.last = add(plan, hooks::action(hook), &hooks::why(now.desired, hook));
        }
        steps.last = add(plan, Action::Leave, "nothing of ours may stay on it");
    }
    steps.first = (plan.len() > before).then_some(before + 1);
    steps
}

/// Plans that the cluster forgets what was at a machine's address before, so that the machine can join.
pub(super) fn forget_former(
    plan: &mut PlanBuilder,
    machine: &Standing<'_>,
    needs: Option<usize>,
) -> Departure {
    let name = Some(&machine.spec.name);
    let mut steps = Departure::default();
    if machine.is_dead_member() {
        let reason = "etcd still has the member that was there before";
        steps.vote = Some(plan.add(name, Action::RemoveEtcdMember, reason, needs));
        steps.last = steps.vote;
    }
    if machine.former_node.is_some() {
        let reason = "it is of the machine that was there before";
        steps.last = Some(plan.add(name, Action::DeleteNode, reason, steps.last));
    }
    steps
}

/// Returns the Node that goes when `machine` leaves, or when it joins where another one was before.
pub fn node_to_delete<'a>(
    desired: &Desired,
    observed: &'a Observed,
    machine: &MachineSpec,
) -> Option<&'a NodeFacts> {
    let nodes = &observed.api()?.nodes;
    let leaves = desired.leaving.iter().any(|leaving| leaving.name == machine.name);
    let own = observed.facts(&machine.name).filter(|_| leaves);
    let answers = |node: &NodeFacts| {
        observed.machines.values().filter_map(Seen::known).any(|facts| facts.machine_id == node.machine_id)
    };
    own.and_then(|facts| nodes.iter().find(|node| node.machine_id == facts.machine_id))
        .or_else(|| nodes.iter().find(|node| node.addresses.contains(&machine.address) && !answers(node)))
}

/// A kubelet that neither runs nor reports cannot end its pods, and who waits for that waits in vain.
fn pods_can_leave(machine: &Standing<'_>, facts: &MachineFacts) -> bool {
    machine.node.is_some_and(|node| node.ready || facts.runs("kubelet.service"))
}
