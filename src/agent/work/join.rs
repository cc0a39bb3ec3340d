//! `kubeadm join`: another control plane, or a worker.

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{hosts, kubernetes, look, ownership, receipts};
use crate::error::Result;
use crate::model::{Entrance, Role};
use crate::wire::{JoinWork, NodeKey};

use super::come_back::{Membership, is_back_or_undone};
use super::{kubelet, reconfigure, statics};

/// The phase of kubeadm's that comes last: the Node gets the label and the taint of a control plane.
const LAST_PHASE: [&str; 4] = ["join", "phase", "control-plane-join", "mark-control-plane"];

pub(super) fn carry_out(work: &JoinWork, tell: Tell<'_>) -> Result<()> {
    match work.role {
        Role::Worker => join(work, tell),
        // Cut off between the join and the names it ends with, the machine must not look as if it knew them.
        Role::ControlPlane => receipts::without("endpoints", || join(work, tell)),
    }
}

fn join(work: &JoinWork, tell: Tell<'_>) -> Result<()> {
    ownership::record_authority(&work.cluster, &work.authority)?;
    let found = is_back_or_undone(work.role, tell)?;
    if found == Membership::Out {
        statics::copy(&work.cluster, &work.statics)?;
        reconfigure::is_made_with(&work.cluster, Entrance::Joined, &work.configured)?;
        kubelet::kubeadm(&["join"], &work.config, &work.ignore, tell)?;
    }
    if work.role == Role::ControlPlane {
        // It asks its own API server, but only once that answers.
        kubelet::await_api()?;
        if found == Membership::In && !is_marked()? {
            tell("an earlier join was cut off before its end: it is finished");
            kubelet::kubeadm(&LAST_PHASE, &work.config, &[], tell)?;
        }
    }
    hosts::set(&work.hosts)
}

/// Tells whether the Node of this machine has the label of a control plane.
fn is_marked() -> Result<bool> {
    let own = NodeKey::MachineId(look::machine_id()?);
    let node = now(async || kubernetes::api().await?.node(&own).await)?;
    Ok(node.is_some_and(|node| node.control_plane))
}
