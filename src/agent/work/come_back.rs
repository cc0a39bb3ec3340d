//! A machine that had joined comes back; a join that was cut off is undone, so that the next begins from nothing.

use std::time::Duration;

use crate::agent::command::Tell;
use crate::agent::{api, membership, ownership};
use crate::error::Result;
use crate::model::Role;
use crate::wire::ComeBackWork;

use super::kubelet;
use super::reconfigure::CutOff;

/// How long a machine that had joined may take to be back after its kubelet is started.
const COMING_BACK: Duration = Duration::from_secs(90);

pub(super) fn carry_out(work: &ComeBackWork, tell: Tell<'_>) -> Result<()> {
    ownership::require(&work.cluster)?;
    is_back_or_undone(work.role, tell).map(drop)
}

/// Whether a machine is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    /// It is, or is again.
    In,
    /// It is not, and nothing of a join is left on it.
    Out,
}

/// A machine that has joined and whose kubelet was only stopped is started, not joined again.
pub(super) fn is_back_or_undone(role: Role, tell: Tell<'_>) -> Result<Membership> {
    if is_in(role) || comes_back(role, tell) {
        return Ok(Membership::In);
    }
    if let Some(changes) = CutOff::find() {
        changes.put_back(tell)?;
        let is_back = comes_back(role, tell);
        // What is undone now is not what they were of.
        changes.forget()?;
        if is_back {
            return Ok(Membership::In);
        }
    }
    if kubelet::was_begun() {
        tell("an earlier join was cut off: it is undone");
        match role {
            Role::ControlPlane => kubelet::start_over(tell)?,
            Role::Worker => kubelet::reset(None, tell)?,
        }
    }
    Ok(Membership::Out)
}

fn is_in(role: Role) -> bool {
    kubelet::is_in(role) && (role == Role::Worker || api::is_ready())
}

fn comes_back(role: Role, tell: Tell<'_>) -> bool {
    if !membership::was_let_in(role) {
        return false;
    }
    tell("it had joined: kubelet is started");
    kubelet::start() && kubelet::within(COMING_BACK, || is_in(role))
}
