//! How far a cluster is: what has joined, what is launched, what is Ready.

use std::net::IpAddr;

use super::receipts;
use super::roster::Roster;
use super::situation::{Situation, Standing};
use crate::model::{Kubeconfig, Role};

/// Says why a machine that is no member has to join.
pub(super) fn why_join(machine: &Standing<'_>) -> &'static str {
    let Some(facts) = machine.facts.filter(|_| machine.had_joined()) else { return "it is no member yet" };
    if machine.node.is_none() {
        "the API has no Node of it"
    } else if facts.runs("kubelet.service") && facts.api_ready {
        "its Node is not marked as a control plane's"
    } else if facts.runs("kubelet.service") && machine.spec.role == Role::ControlPlane {
        "its API server does not answer"
    } else {
        "its kubelet does not run"
    }
}

/// Tells whether a machine has still to run the commands of its rootfs.
pub(super) fn lacks_commands(now: &Situation<'_>, machine: &Standing<'_>) -> bool {
    machine.facts.is_some_and(|facts| {
        let wanted = receipts::ran(now.desired, machine.spec, facts);
        let present = facts.holdings.receipts.get("commands").map(|receipt| &receipt.digest);
        wanted.is_some() && wanted.as_ref() != present
    })
}

/// Says why the cluster has to be written down, even if nothing else is to be done.
pub(super) fn why_keep(now: &Situation<'_>) -> Option<&'static str> {
    let (api, desired) = (now.api()?, now.desired);
    let definition =
        receipts::definition(&desired.cluster, &desired.images, &desired.leaving, &desired.registry);
    if api.definition != Some(definition) {
        Some("the cluster does not keep this definition of itself")
    } else if api.open_to_joins {
        Some("what let machines in is still in the cluster")
    } else if !desired.leaving.is_empty() {
        Some("machines are still looked for that are gone")
    } else {
        None
    }
}

/// Tells whether the operator has no kubeconfig, or one that leads to a machine which is no control plane any more. A
/// name in it is the operator's own choice.
pub(super) fn lacks_kubeconfig(now: &Situation<'_>) -> bool {
    match &now.observed.kubeconfig {
        Kubeconfig::Unseen => false,
        Kubeconfig::Missing => true,
        Kubeconfig::LeadsTo(host) => host.parse().is_ok_and(|address: IpAddr| {
            !now.desired.control_planes().any(|machine| machine.address == address)
        }),
    }
}

/// Tells whether an external registry is to have images that no control plane is known to have put there.
pub(super) fn lacks_images(now: &Situation<'_>) -> bool {
    let Some(wanted) = receipts::filled(now.desired) else { return false };
    let mut known = now.desired.control_planes().filter_map(|machine| now.observed.facts(&machine.name));
    !known.any(|facts| facts.holdings.receipts.get(FILLED).is_some_and(|receipt| receipt.digest == wanted))
}

/// The receipt of who filled an external registry.
const FILLED: &str = "fill-registry";

/// Tells whether nothing is left to wait for. Who was set aside is not waited for.
pub(super) fn all_ready(now: &Situation<'_>, roster: &Roster<'_>) -> bool {
    let ready = |machine: &Standing<'_>| machine.node.is_some_and(|node| node.ready);
    now.api().is_some_and(|api| api.waiting_pods.is_empty()) && roster.staying().all(ready)
}
