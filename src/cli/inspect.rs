//! `sealift inspect`

use clap::Args;

use crate::error::{Problems, Result};
use crate::ops::{self, Context};

/// Show what an image promises: its kind, version, variables, scripts, commands and layers
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift inspect kubernetes:v1.36.3")]
pub(super) struct InspectArgs {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
}

pub(super) fn inspect(context: &Context, args: &InspectArgs) -> Result<(), Problems> {
    Ok(ops::inspect(context, &args.image)?)
}
