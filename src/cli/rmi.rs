//! `sealift rmi`

use clap::Args;

use crate::error::{Problems, Result};
use crate::ops::{self, Context};

/// Remove images from the local store, with the blobs that no other image has
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift rmi hello:v1")]
pub(super) struct RmiArgs {
    /// The images
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

pub(super) fn rmi(context: &Context, args: &RmiArgs) -> Result<(), Problems> {
    ops::remove_image(context, &args.images)
}
