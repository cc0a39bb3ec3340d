//! `sealift scale up`, also called `add` and `join`, and `sealift scale down`

use clap::{Args, Subcommand};

use super::cluster::ClusterArgs;
use super::consent::ForceArgs;
use super::going::{DrainArgs, GoingArgs};
use super::hosts::HostArgs;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Change, Consent, Context, ScaleRequest};

/// Add machines to a cluster, or take some out
#[derive(Debug, Args)]
pub(super) struct ScaleArgs {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, Subcommand)]
enum Direction {
    Up(UpArgs),
    Down(DownArgs),
}

/// Add machines to a cluster
///
/// Machines that are members already stay as they are, so the same command goes on after it was cut off.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift scale up --nodes 10.0.0.6-10.0.0.9\n  \
    sealift add --masters 10.0.0.4,10.0.0.5 --name prod\n  \
    sealift join --nodes 3        # of machines that sealift makes: three workers afterwards")]
pub(super) struct UpArgs {
    #[command(flatten)]
    hosts: HostArgs,

    #[command(flatten)]
    common: CommonArgs,
}

/// Take machines out of a cluster: their pods move away, and they are left as they were found
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift scale down --nodes 10.0.0.6\n  \
    sealift scale down --masters 10.0.0.1 --force        # it is dead\n  \
    sealift scale down --nodes 1        # of machines that sealift made: one worker is left")]
pub(super) struct DownArgs {
    #[command(flatten)]
    hosts: HostArgs,

    #[command(flatten)]
    force: ForceArgs,

    #[command(flatten)]
    drain: DrainArgs,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct CommonArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

impl ScaleArgs {
    /// Returns how it goes about its work.
    pub(super) fn going(&self) -> &GoingArgs {
        match &self.direction {
            Direction::Up(args) => &args.common.going,
            Direction::Down(args) => &args.common.going,
        }
    }

    /// Returns how long the pods of machines that leave have.
    pub(super) fn drain(&self) -> Option<&DrainArgs> {
        match &self.direction {
            Direction::Up(_) => None,
            Direction::Down(args) => Some(&args.drain),
        }
    }
}

impl UpArgs {
    /// Returns how it goes about its work.
    pub(super) fn going(&self) -> &GoingArgs {
        &self.common.going
    }
}

pub(super) async fn scale(context: Context, args: &ScaleArgs) -> Result<(), Problems> {
    match &args.direction {
        Direction::Up(args) => up(context, args).await,
        Direction::Down(args) => {
            let change = Change::Down(args.hosts.by_role()?);
            changed(context, &args.common, change, args.force.naming()).await
        }
    }
}

pub(super) async fn up(context: Context, args: &UpArgs) -> Result<(), Problems> {
    changed(context, &args.common, Change::Up(args.hosts.by_role()?), Consent::default()).await
}

async fn changed(
    context: Context,
    common: &CommonArgs,
    change: Change,
    consent: Consent,
) -> Result<(), Problems> {
    let login = common.login.request(&context)?;
    let request = ScaleRequest { name: common.cluster.name(), change, login, consent };
    ops::scale(&context, request).await
}
