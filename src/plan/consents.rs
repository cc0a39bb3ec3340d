//! What the operator has agreed to beforehand, where a plan would otherwise be refused.

use std::collections::BTreeSet;

use crate::model::MachineName;

/// The operator's consents. By default there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consents {
    /// Leaving machines that may be given up with all they hold if they do not answer. A machine whose provider says
    /// that it is gone belongs here too: nobody has to agree to that.
    pub give_up: BTreeSet<MachineName>,
    /// What may be done when none of the cluster's API servers answers.
    pub without_api: WithoutApi,
}

/// What may be done when a cluster exists, but none of its API servers answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WithoutApi {
    /// Nothing: it may come back.
    #[default]
    Nothing,
    /// It is lost for good: leaving machines that answer are cleaned, though nobody can be told that they go.
    CleanLeaving,
}
