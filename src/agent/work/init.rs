//! `kubeadm init`: the first control plane.

use std::path::Path;

use crate::agent::command::Tell;
use crate::agent::{api, authority, hosts, ownership, paths};
use crate::error::{Class, Problem, Result};
use crate::model::{Entrance, Role};
use crate::wire::InitWork;

use super::{kubelet, reconfigure, statics};

/// The phases of kubeadm's until the API answers. Each of those that come then may be repeated, and does what is missing.
const UNTIL_THE_API: &str =
    "--skip-phases=preflight,certs,kubeconfig,etcd,control-plane,kubelet-start,wait-control-plane";

/// How far the first control plane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is there, or what an init left that was cut off before its API answered.
    Nothing,
    /// Its API answers, and nobody knows whether anything has come after that.
    Serving,
    /// The cluster's identity is written down, and that is the last thing of all.
    Made,
}

pub(super) fn carry_out(work: &InitWork, tell: Tell<'_>) -> Result<()> {
    match stage(&work.cluster)? {
        Stage::Made => {}
        Stage::Serving => {
            tell("an earlier init was cut off when the API answered: the rest of it is done");
            kubelet::kubeadm(&["init", UNTIL_THE_API], &work.config, &work.ignore, tell)?;
        }
        Stage::Nothing => make(work, tell)?,
    }
    kubelet::await_api()?;
    if let Some(authority) = authority::of_this_machine()? {
        ownership::record_authority(&work.cluster, &authority)?;
    }
    Ok(())
}

fn stage(cluster: &str) -> Result<Stage> {
    let serves = kubelet::is_in(Role::ControlPlane) && api::is_ready() && Path::new(paths::ADMIN).exists();
    let known = ownership::require(cluster)?.authority.is_some();
    Ok(match (serves, known) {
        (false, _) => Stage::Nothing,
        (true, false) => Stage::Serving,
        (true, true) => Stage::Made,
    })
}

fn make(work: &InitWork, tell: Tell<'_>) -> Result<()> {
    // An earlier init that was cut off: its API never answered anybody and no other member can know it, or the
    // plan would not ask for an init.
    if kubelet::was_begun() {
        refuse_known_cluster(&work.cluster)?;
        tell("an earlier init was cut off: it is reset and repeated");
        kubelet::start_over(tell)?;
    }
    // The API server's name is this machine itself.
    hosts::set(&work.hosts)?;
    statics::copy(&work.cluster, &work.statics)?;
    reconfigure::is_made_with(&work.cluster, Entrance::Made, &work.configured)?;
    kubelet::kubeadm(&["init"], &work.config, &work.ignore, tell)
}

/// The identity is recorded as soon as the cluster is made. From then on there is data, and no init.
fn refuse_known_cluster(cluster: &str) -> Result<()> {
    if ownership::require(cluster)?.authority.is_none() {
        return Ok(());
    }
    Err(Problem::new(Class::Refused, "a cluster is on this machine already, so none is made over it")
        .remedy("start kubelet and look why its API server does not answer: journalctl -u kubelet"))
}
