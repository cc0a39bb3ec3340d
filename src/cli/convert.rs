//! `sealift convert`

use clap::Args;

use super::clusterfile::ClusterfileArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context};

/// Print Clusterfiles of any dialect in the native form, and say what has no counterpart there
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift convert -f sealos.yaml > Clusterfile\n  \
    sealift convert -f base.yaml -f prod.yaml")]
pub(super) struct ConvertArgs {
    #[command(flatten)]
    clusterfile: ClusterfileArgs,
}

pub(super) fn convert(context: &Context, args: &ConvertArgs) -> Result<(), Problems> {
    ops::convert(context, &args.clusterfile.clusterfile()?)
}
