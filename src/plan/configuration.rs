//! Labels and taints of Nodes: whether they are as wished, and what it costs to make them so.

use super::situation::Standing;
use crate::model::{NodeChange, NodeFacts, Role, Taint, TaintEffect};

/// Says what has to change on a machine's Node, if anything has.
pub(super) fn why_configure(machine: &Standing<'_>) -> Option<String> {
    let change = change(machine);
    if change.is_empty() {
        return None;
    }
    let mut differences = Vec::new();
    let labels = change.labels.keys().map(String::as_str).collect::<Vec<_>>();
    if !labels.is_empty() {
        differences.push(format!("labels: {}", labels.join(", ")));
    }
    let set = change.set_taints.iter().map(ToString::to_string);
    let removed = change.remove_taints.iter().map(ToString::to_string);
    let taints: Vec<String> = set.chain(removed).collect();
    if !taints.is_empty() {
        differences.push(format!("taints: {}", taints.join(", ")));
    }
    if change.uncordon {
        differences.push("it was closed to new pods for a removal".to_owned());
    }
    Some(differences.join("; "))
}

/// Tells whether pods that run there now are driven out by it.
pub(super) fn evicts(machine: &Standing<'_>) -> bool {
    machine.node.is_some()
        && change(machine).set_taints.iter().any(|taint| taint.effect == TaintEffect::NoExecute)
}

/// Returns what has to change on a Node that is there, or that will be when its machine has joined.
fn change(machine: &Standing<'_>) -> NodeChange {
    let wishes = &machine.spec.node;
    match machine.node {
        Some(node) => NodeChange::between(wishes, node),
        None => NodeChange::between(wishes, &as_joined(machine.spec.role)),
    }
}

/// kubeadm keeps workloads from control planes; of a cluster's only machine the step finds that it did not.
fn as_joined(role: Role) -> NodeFacts {
    let own = Taint {
        key: "node-role.kubernetes.io/control-plane".to_owned(),
        value: String::new(),
        effect: TaintEffect::NoSchedule,
    };
    NodeFacts {
        taints: (role == Role::ControlPlane).then_some(own).into_iter().collect(),
        ..NodeFacts::default()
    }
}
