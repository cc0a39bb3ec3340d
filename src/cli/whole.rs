//! Which cluster `delete` and `reset` remove: by its name, or as a Clusterfile declares it.

use std::path::PathBuf;

use clap::Args;

use super::clusterfile;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Consent, Context, RemoveRequest, Which};
use crate::plan::Definition;

/// The cluster's name, or its files.
#[derive(Debug, Args)]
pub(super) struct WholeArgs {
    /// The cluster's name
    #[arg(long, visible_alias = "cluster", default_value = "default", value_name = "NAME")]
    pub(super) name: String,

    /// The Clusterfile that declares it, a directory of them, or `-`; in place of the name
    #[arg(long = "file", short, visible_alias = "Clusterfile", value_name = "FILE", conflicts_with = "name")]
    files: Vec<PathBuf>,
}

impl WholeArgs {
    fn which(&self) -> Result<Which> {
        match self.files.as_slice() {
            [] => Ok(Which::Named(self.name.clone())),
            files => Ok(Which::Declared(clusterfile::read(files)?)),
        }
    }
}

/// Removes it.
pub(super) async fn remove(
    context: &Context,
    whole: &WholeArgs,
    login: &LoginArgs,
    definition: Definition,
    consent: Consent,
) -> Result<(), Problems> {
    let request =
        RemoveRequest { which: whole.which()?, login: login.request(context)?, definition, consent };
    ops::remove(context, request).await
}
