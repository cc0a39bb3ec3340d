//! `sealift uninstall`

use clap::Args;

use super::cluster::ClusterArgs;
use super::going::GoingArgs;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::model::Undoing;
use crate::ops::{self, Context, UninstallRequest};

/// Take applications off a cluster
///
/// The image's `clean` runs where it has one, then the application's files go, and its place in the cluster's definition. What
/// an image without `clean` has made in the cluster stays there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift uninstall hello:v1\n  \
    sealift uninstall hello --name prod        # the tag may be left out\n  \
    sealift uninstall hello --without-clean    # its `clean` cannot succeed any more")]
pub(super) struct UninstallArgs {
    /// Applications, as `sealift status` calls them
    #[arg(value_name = "APPLICATION", required = true)]
    applications: Vec<String>,

    /// Leave the images' `clean` out, as when it cannot succeed: what it would undo stays in the cluster
    #[arg(long)]
    without_clean: bool,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn uninstall(context: Context, args: &UninstallArgs) -> Result<(), Problems> {
    let request = UninstallRequest {
        name: args.cluster.name(),
        applications: args.applications.clone(),
        undoing: if args.without_clean { Undoing::LeftThere } else { Undoing::Cleaned },
        login: args.login.request(&context)?,
    };
    ops::uninstall(&context, request).await
}
