//! `sealift schema`

use clap::Args;

use crate::error::{Problems, Result};
use crate::ops::{self, Context};

/// Print the JSON Schema of Clusterfiles, for editors and programs
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift schema > clusterfile.schema.json")]
pub(super) struct SchemaArgs {}

pub(super) fn schema(context: &Context, _: &SchemaArgs) -> Result<(), Problems> {
    Ok(ops::schema(context)?)
}
