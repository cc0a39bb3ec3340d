//! `kubeadm join`: another control plane, or a worker.

use std::path::Path;
use std::time::Duration;

use crate::agent::command::Tell;
use crate::agent::{hosts, ownership, paths};
use crate::error::Result;
use crate::model::Role;
use crate::wire::JoinWork;

use super::{kubelet, statics};

/// How long a machine that had joined may take to be back after its kubelet is started.
const COMING_BACK: Duration = Duration::from_secs(90);

pub(super) fn carry_out(work: &JoinWork, tell: Tell<'_>) -> Result<()> {
    ownership::record_authority(&work.cluster, &work.authority)?;
    if !is_in(work) && !comes_back(work, tell) {
        if kubelet::was_begun() {
            tell("an earlier join was cut off: it is reset and repeated");
            kubelet::reset(None, tell)?;
        }
        statics::copy(&work.cluster, &work.statics)?;
        kubelet::kubeadm("join", &work.config, &work.ignore, tell)?;
    }
    if work.role == Role::ControlPlane {
        // It asks its own API server, but only once that answers.
        kubelet::await_api()?;
    }
    hosts::set(&work.hosts)
}

fn is_in(work: &JoinWork) -> bool {
    kubelet::is_in() && (work.role == Role::Worker || kubelet::api_is_ready())
}

/// A machine that has joined and whose kubelet was only stopped is started, not joined again.
fn comes_back(work: &JoinWork, tell: Tell<'_>) -> bool {
    if !Path::new(paths::KUBELET).exists() {
        return false;
    }
    tell("it had joined: kubelet is started");
    kubelet::start() && kubelet::within(COMING_BACK, || is_in(work))
}
