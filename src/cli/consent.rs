//! The flags by which something is agreed to beforehand.

use clap::Args;

use crate::ops::{Consent, Force, Removal};

/// `--prune` and `--force`.
#[derive(Debug, Args)]
pub(super) struct ConsentArgs {
    /// Remove machines that are not declared any more without asking for them by name
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    force: ForceArgs,
}

/// `--force` alone.
#[derive(Debug, Args)]
pub(super) struct ForceArgs {
    /// Give up machines that should leave and do not answer, with all that they hold, and delete pods that have not left a
    /// machine in time, whatever their PodDisruptionBudgets say. Machines of other clusters are never touched,
    /// with this or without it
    #[arg(long)]
    force: bool,
}

impl ConsentArgs {
    /// Returns what is agreed to.
    pub(super) fn consent(&self) -> Consent {
        let removal = if self.prune { Removal::Agreed } else { Removal::Ask };
        Consent { removal, ..self.force.naming() }
    }
}

impl ForceArgs {
    /// Returns what is agreed to by a command that names the machines that leave.
    pub(super) fn naming(&self) -> Consent {
        let force = if self.force { Force::GiveUp } else { Force::No };
        Consent { removal: Removal::Agreed, force }
    }
}
