//! `sealift delete`

use clap::Args;

use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context, RemoveRequest};
use crate::plan::Definition;

/// Delete a cluster: its machines are left as they were found, and those that sealift made are removed
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift delete\n  \
    sealift delete --name trial --yes")]
pub(super) struct DeleteArgs {
    /// The cluster's name
    #[arg(long, visible_alias = "cluster", default_value = "default", value_name = "NAME")]
    name: String,

    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn delete(context: Context, args: &DeleteArgs) -> Result<(), Problems> {
    let request = RemoveRequest {
        name: args.name.clone(),
        login: args.login.request(&context)?,
        definition: Definition::Forgotten,
    };
    ops::remove(&context, request).await
}
