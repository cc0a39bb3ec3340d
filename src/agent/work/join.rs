//! `kubeadm join`: another control plane, or a worker.

use std::path::Path;

use crate::agent::command::Tell;
use crate::agent::{hosts, ownership, paths};
use crate::error::Result;
use crate::wire::JoinWork;

use super::{kubelet, statics};

pub(super) fn carry_out(work: &JoinWork, tell: Tell<'_>) -> Result<()> {
    ownership::record_authority(&work.cluster, &work.authority)?;
    if !kubelet::is_in() {
        if kubelet::was_begun() {
            tell("an earlier join was cut off: it is reset and repeated");
            kubelet::reset(None, tell)?;
        }
        statics::copy(&work.cluster, &work.statics)?;
        kubelet::kubeadm("join", &work.config, &work.ignore, tell)?;
    }
    if Path::new(paths::ADMIN).exists() {
        // A control plane asks its own API server, but only once that answers.
        kubelet::await_api()?;
    }
    hosts::set(&work.hosts)
}
