//! Which cluster a command is about, by its name.

use clap::Args;

/// The cluster's name.
#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    /// The cluster's name
    #[arg(long, visible_alias = "cluster", default_value = "default", value_name = "NAME")]
    name: String,
}

impl ClusterArgs {
    /// Returns the name.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }
}
