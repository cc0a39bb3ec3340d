//! `kubeadm init`: the first control plane.

use std::path::Path;

use crate::agent::command::Tell;
use crate::agent::{authority, hosts, ownership, paths};
use crate::error::{Class, Problem, Result};
use crate::wire::InitWork;

use super::{kubelet, statics};

pub(super) fn carry_out(work: &InitWork, tell: Tell<'_>) -> Result<()> {
    let made = kubelet::is_in() && kubelet::api_is_ready() && Path::new(paths::ADMIN).exists();
    if !made {
        // An earlier init that was cut off: its API never answered anybody and no other member can know it, or the
        // plan would not ask for an init.
        if kubelet::was_begun() {
            refuse_known_cluster(&work.cluster)?;
            tell("an earlier init was cut off: it is reset and repeated");
            kubelet::reset(None, tell)?;
        }
        // The API server's name is this machine itself.
        hosts::set(&work.hosts)?;
        statics::copy(&work.cluster, &work.statics)?;
        kubelet::kubeadm(&["init"], &work.config, &work.ignore, tell)?;
    }
    kubelet::await_api()?;
    if let Some(authority) = authority::of_this_machine()? {
        ownership::record_authority(&work.cluster, &authority)?;
    }
    Ok(())
}

/// The identity is recorded as soon as the API has answered once. From then on there is data, and no init.
fn refuse_known_cluster(cluster: &str) -> Result<()> {
    if ownership::require(cluster)?.authority.is_none() {
        return Ok(());
    }
    Err(Problem::new(Class::Refused, "a cluster is on this machine already, so none is made over it")
        .remedy("start kubelet and look why its API server does not answer: journalctl -u kubelet"))
}
