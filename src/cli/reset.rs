//! `sealift reset`

use clap::Args;

use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context, RemoveRequest};
use crate::plan::Definition;

/// Clean all machines of a cluster and keep its definition: `sealift run --name NAME` launches it again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift reset\n  \
    sealift reset --name trial")]
pub(super) struct ResetArgs {
    /// The cluster's name
    #[arg(long, visible_alias = "cluster", default_value = "default", value_name = "NAME")]
    name: String,

    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn reset(context: Context, args: &ResetArgs) -> Result<(), Problems> {
    let request = RemoveRequest {
        name: args.name.clone(),
        login: args.login.request(&context)?,
        definition: Definition::Kept,
    };
    ops::remove(&context, request).await
}
