//! Changes that were cut off, by a loss of power mostly: what ran before comes back.

use crate::agent::command::{Command, Tell};
use crate::agent::ownership;
use crate::agent::work::kubelet;
use crate::error::Result;
use crate::wire::PutBackWork;

use super::aside::{Aside, PARTS};

/// What changes have put aside that did not come to their end.
pub(in crate::agent::work) struct CutOff(Vec<Aside>);

impl CutOff {
    /// Returns what there is of them; `None` where no change was cut off.
    pub(in crate::agent::work) fn find() -> Option<Self> {
        let found: Vec<Aside> = PARTS.into_iter().filter_map(Aside::of).collect();
        (!found.is_empty()).then_some(Self(found))
    }

    /// Puts it back. kubelet starts anew, and with it what it finds.
    pub(in crate::agent::work) fn put_back(&self, tell: Tell<'_>) -> Result<()> {
        tell("a change of its configuration was cut off: what ran before is put back");
        self.0.iter().try_for_each(Aside::put_back)?;
        Command::new("systemctl", ["restart", "kubelet.service"]).run(tell)
    }

    /// Lets the copies go. Their parts' receipts still say that they were being changed.
    pub(in crate::agent::work) fn forget(&self) -> Result<()> {
        self.0.iter().try_for_each(Aside::forget)
    }
}

/// Puts back what there is, and waits until the API server runs. The copies stay until then.
pub(in crate::agent::work) fn carry_out(work: &PutBackWork, tell: Tell<'_>) -> Result<()> {
    ownership::require(&work.cluster)?;
    let Some(changes) = CutOff::find() else { return kubelet::await_api() };
    changes.put_back(tell)?;
    kubelet::await_api().map_err(|problem| {
        problem
            .remedy("look at `journalctl -u kubelet` there; what ran before stays put aside until it runs")
            .remedy("or, where its data is lost as well, give it up: the same command with --force, or sealift reset")
    })?;
    changes.forget()
}
