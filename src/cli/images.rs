//! `sealift images`

use clap::Args;

use crate::error::{Problems, Result};
use crate::ops::{self, Context};
use crate::ui::Table;

/// List the images of the local store
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift images\n  \
    sealift images --output json")]
pub(super) struct ImagesArgs {}

pub(super) fn images(context: &Context, _: &ImagesArgs) -> Result<(), Problems> {
    let table = |rows: Vec<[String; 4]>| {
        let mut table = Table::new(["image", "arch", "digest", ">size"]);
        for row in &rows {
            table.add(row);
        }
        table.render()
    };
    Ok(ops::images(context, table)?)
}
