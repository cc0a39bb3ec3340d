//! `sealift init`

use std::path::PathBuf;

use clap::Args;

use super::cluster::ClusterArgs;
use super::hosts::by_role;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context, InitRequest};

/// Write a Clusterfile to begin with, with comments that say what else it may have
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift init kubernetes:v1.36.3 --masters 10.0.0.1-10.0.0.3 --nodes 10.0.0.4,10.0.0.5\n  \
    sealift init --masters 1 --nodes 2 --out trial.yaml")]
pub(super) struct InitArgs {
    /// Images, the one that brings Kubernetes first
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,

    /// Control planes: addresses, names, ranges a-b, with a port as host:port; or a number, to have containers made
    #[arg(long, short, value_name = "LIST")]
    masters: Option<String>,

    /// Workers, in the same form
    #[arg(long, short, value_name = "LIST")]
    nodes: Option<String>,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// The file to write; `-` is standard output
    #[arg(long, default_value = "Clusterfile", value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) fn init(context: &Context, args: &InitArgs) -> Result<(), Problems> {
    let request = InitRequest {
        name: args.cluster.name(),
        images: args.images.clone(),
        machines: by_role(args.masters.as_deref(), args.nodes.as_deref())?,
        login: args.login.request(context)?.login,
        out: (args.out.as_os_str() != "-").then(|| args.out.clone()),
    };
    ops::init(context, request)
}
