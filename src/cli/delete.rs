//! `sealift delete`

use clap::Args;

use super::consent::ForceArgs;
use super::going::{DrainArgs, GoingArgs};
use super::hosts::by_role;
use super::login::LoginArgs;
use super::whole::{self, WholeArgs};
use crate::error::{Class, Problem, Problems, Result};
use crate::ops::{self, Change, Context, ScaleRequest};
use crate::plan::Definition;

/// Delete a cluster, or take machines out of it
///
/// Machines are left as they were found, and those that sealift made are removed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift delete --name prod\n  \
    sealift delete -f Clusterfile\n  \
    sealift delete --nodes 10.0.0.6        # the same as sealift scale down --nodes 10.0.0.6")]
pub(super) struct DeleteArgs {
    /// Only these control planes leave: addresses, names, ranges a-b
    #[arg(long, short, value_name = "LIST", conflicts_with = "files")]
    masters: Option<String>,

    /// Only these workers leave, in the same form
    #[arg(long, short, value_name = "LIST", conflicts_with = "files")]
    nodes: Option<String>,

    #[command(flatten)]
    force: ForceArgs,

    #[command(flatten)]
    whole: WholeArgs,

    #[command(flatten)]
    pub(super) drain: DrainArgs,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn delete(context: Context, args: &DeleteArgs) -> Result<(), Problems> {
    if args.masters.is_none() && args.nodes.is_none() {
        let consent = args.force.naming();
        return whole::remove(&context, &args.whole, &args.login, Definition::Forgotten, consent).await;
    }
    let hosts = by_role(args.masters.as_deref(), args.nodes.as_deref())?;
    if hosts.counts() {
        return Err(Problem::new(Class::Usage, "`delete` takes the names of machines, not how many")
            .remedy("say how many should be left: sealift scale down --nodes 1")
            .into());
    }
    let request = ScaleRequest {
        name: args.whole.name.clone(),
        change: Change::Down(hosts),
        login: args.login.request(&context)?,
        consent: args.force.naming(),
    };
    ops::scale(&context, request).await
}
