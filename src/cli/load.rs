//! `sealift load`

use std::path::PathBuf;

use clap::Args;

use crate::error::{Problems, Result};
use crate::ops::{self, Context};

/// Load the images of an OCI or Docker archive
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift load -i cluster.tar")]
pub(super) struct LoadArgs {
    /// The archive
    #[arg(long, short, value_name = "FILE")]
    input: PathBuf,

    /// The name of an image that has none in the archive
    #[arg(long, short, value_name = "NAME")]
    tag: Option<String>,
}

pub(super) fn load(context: &Context, args: &LoadArgs) -> Result<(), Problems> {
    let name = args.tag.as_deref().map(str::parse).transpose()?;
    Ok(ops::load(context, &args.input, name.as_ref())?)
}
