//! `sealift render`

use std::path::PathBuf;

use clap::Args;

use super::clusterfile::ClusterfileArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context, RenderRequest, Sources};

/// Print the kubeadm.yml that each machine would get, and where every value comes from; no machine is asked
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift render -f Clusterfile\n  \
    sealift render -f Clusterfile --host 10.0.0.1 --explain\n  \
    sealift render -f Clusterfile --facts facts.yaml")]
pub(super) struct RenderArgs {
    /// Only the file of this machine
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Say beside every value where it comes from: built-in, the image, a line of a Clusterfile, or computed and why
    #[arg(long)]
    explain: bool,

    /// What is known of machines, as YAML or JSON: facts by machine, `*` for all. The rest is taken for granted, and told
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,

    #[command(flatten)]
    clusterfile: ClusterfileArgs,
}

pub(super) async fn render(context: Context, args: &RenderArgs) -> Result<(), Problems> {
    let request = RenderRequest {
        clusterfile: args.clusterfile.clusterfile()?,
        host: args.host.clone(),
        sources: if args.explain { Sources::Told } else { Sources::Left },
        facts: args.facts.clone(),
    };
    ops::render(&context, request).await
}
