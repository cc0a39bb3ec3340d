//! `sealift reset`

use clap::Args;

use super::consent::ForceArgs;
use super::going::GoingArgs;
use super::login::LoginArgs;
use super::whole::{self, WholeArgs};
use crate::error::{Problems, Result};
use crate::ops::Context;
use crate::plan::Definition;

/// Clean all machines of a cluster and keep its definition: `sealift run --name NAME` launches it again
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift reset --name prod\n  \
    sealift reset -f Clusterfile")]
pub(super) struct ResetArgs {
    #[command(flatten)]
    force: ForceArgs,

    #[command(flatten)]
    whole: WholeArgs,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn reset(context: Context, args: &ResetArgs) -> Result<(), Problems> {
    whole::remove(&context, &args.whole, &args.login, Definition::Kept, args.force.naming()).await
}
