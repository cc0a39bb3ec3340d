//! `sealift save`

use std::path::PathBuf;

use clap::Args;

use crate::error::{Problems, Result};
use crate::ops::{self, Context};

/// Save images to an OCI archive, to carry them where there is no network
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift save --to cluster.tar kubernetes:v1.36.3 flannel:v0.28.4")]
pub(super) struct SaveArgs {
    /// The images
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    /// The archive to write
    #[arg(long = "to", value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn save(context: &Context, args: &SaveArgs) -> Result<(), Problems> {
    Ok(ops::save(context, &args.images, &args.file)?)
}
