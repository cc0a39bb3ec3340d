//! `sealift apply`

use std::path::PathBuf;

use clap::Args;

use super::clusterfile::ClusterfileArgs;
use super::consent::ConsentArgs;
use super::going::{DrainArgs, GoingArgs};
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, ApplyRequest, Context, Declaration};

/// Make a cluster as its Clusterfile declares it
///
/// Machines that are new join, machines that are not declared any more leave after a question, what has changed is
/// changed in place. Run it again and nothing happens. Run it again after anything went wrong: it looks what is there
/// and goes on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift apply -f Clusterfile\n  \
    sealift apply -f base/ -f prod.yaml --set spec.network.vip=10.0.0.9 -e criData=/data\n  \
    sealift apply -f Clusterfile --yes --prune        # nobody is asked\n  \
    sealift plan -f Clusterfile --out plan.json && sealift apply --plan plan.json")]
pub(super) struct ApplyArgs {
    /// Carry out this plan of `sealift plan --out`, unless the cluster has changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "env", "set"])]
    plan: Option<PathBuf>,

    #[command(flatten)]
    consent: ConsentArgs,

    #[command(flatten)]
    pub(super) drain: DrainArgs,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    clusterfile: ClusterfileArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn apply(context: Context, args: &ApplyArgs) -> Result<(), Problems> {
    let request = ApplyRequest {
        declaration: match &args.plan {
            Some(path) => Declaration::SavedPlan(path.clone()),
            None => Declaration::Clusterfile(args.clusterfile.clusterfile()?),
        },
        login: args.login.request(&context)?,
        consent: args.consent.consent(),
    };
    ops::apply(&context, request).await
}
