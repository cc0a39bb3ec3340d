//! What a machine does in the cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A machine's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs etcd, the API server and the other parts of the control plane; `master` in the family's files.
    ControlPlane,
    /// Runs workloads; `node` in the family's files.
    Worker,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlPlane => "control plane",
            Self::Worker => "worker",
        })
    }
}
