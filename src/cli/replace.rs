//! `sealift replace`

use clap::Args;

use super::cluster::ClusterArgs;
use super::consent::ForceArgs;
use super::going::{DrainArgs, GoingArgs};
use super::login::LoginArgs;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::SshAddress;
use crate::ops::{self, Change, Context, ScaleRequest};

/// Put machines in the place of others: the new one joins, the old one leaves
///
/// The new machine gets the role, labels, taints and variables of the old one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift replace 10.0.0.1=10.0.0.4\n  \
    sealift replace 10.0.0.1=10.0.0.4 --force        # 10.0.0.1 is dead")]
pub(super) struct ReplaceArgs {
    /// The machine that leaves and the one that comes
    #[arg(value_name = "OLD=NEW", required = true, value_parser = pair)]
    pairs: Vec<(SshAddress, SshAddress)>,

    #[command(flatten)]
    force: ForceArgs,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    pub(super) drain: DrainArgs,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn replace(context: Context, args: &ReplaceArgs) -> Result<(), Problems> {
    let request = ScaleRequest {
        name: args.cluster.name(),
        change: Change::Replace(args.pairs.clone()),
        login: args.login.request(&context)?,
        consent: args.force.naming(),
    };
    ops::scale(&context, request).await
}

fn pair(text: &str) -> Result<(SshAddress, SshAddress), Problem> {
    let (old, new) =
        text.split_once('=').ok_or_else(|| Problem::new(Class::Usage, format!("`{text}` is not OLD=NEW")))?;
    Ok((old.parse()?, new.parse()?))
}
