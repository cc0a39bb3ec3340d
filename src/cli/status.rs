//! `sealift status`

use clap::Args;

use super::clusterfile::ClusterfileArgs;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context, StatusRequest};
use crate::ui;

/// Show a cluster as it is, beside what it should be
///
/// Nothing is locked and nothing is left behind. It ends with 0 when the cluster is as desired, and with 12 when it is not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift status\n  \
    sealift status --name prod -o json\n  \
    sealift status -f Clusterfile        # beside what the file says now")]
pub(super) struct StatusArgs {
    /// The cluster's name, where no file is named
    #[arg(
        long,
        visible_alias = "cluster",
        default_value = "default",
        value_name = "NAME",
        conflicts_with = "files"
    )]
    name: String,

    #[command(flatten)]
    clusterfile: ClusterfileArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn status(context: Context, args: &StatusArgs) -> Result<(), Problems> {
    let request = StatusRequest {
        name: args.name.clone(),
        clusterfile: args.clusterfile.if_given()?,
        login: args.login.request(&context)?,
    };
    ops::status(&context, request, ui::status_text).await
}
