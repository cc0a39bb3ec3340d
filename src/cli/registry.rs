//! `sealift registry list` and `sealift registry push`

use clap::{Args, Subcommand};

use super::going::GoingArgs;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::model::Digest;
use crate::ops::{self, Context, ListRegistryRequest, PushRequest, ServedImage};
use crate::ui::Table;

/// Look at a cluster's registries, and put images into them
#[derive(Debug, Args)]
pub(super) struct RegistryArgs {
    #[command(subcommand)]
    pub(super) what: What,
}

#[derive(Debug, Subcommand)]
pub(super) enum What {
    List(ListArgs),
    Push(PushArgs),
}

/// List what the registries of all control planes serve
///
/// Where one of them lacks what another has, the list says which. Nothing is locked and nothing changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift registry list\n  \
    sealift registry list --name prod -o json")]
pub(super) struct ListArgs {
    /// The cluster's name
    #[arg(long, visible_alias = "cluster", default_value = "default", value_name = "NAME")]
    name: String,

    #[command(flatten)]
    login: LoginArgs,
}

/// Put images into the registries of all control planes
///
/// They travel over SSH, only the blobs that a registry lacks, and each is compared with its digest there. The host of an
/// image's name is left out, as in cluster images: `quay.io/team/app:1` is pulled under its own name, and under
/// `REGISTRY/team/app:1`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift registry push quay.io/team/app:1       # of the store, of the local Docker engine, or of its registry\n  \
    sealift registry push app.tar ./layout         # docker and OCI archives, OCI layouts\n  \
    sealift registry push nginx:1.27 --name prod")]
pub(super) struct PushArgs {
    /// Names of images, or paths of archives and layouts
    #[arg(value_name = "IMAGE|ARCHIVE|LAYOUT", required = true)]
    images: Vec<String>,

    /// The cluster's name
    #[arg(long, visible_alias = "cluster", default_value = "default", value_name = "NAME")]
    name: String,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

impl RegistryArgs {
    /// Returns how it goes about its work, if it changes anything.
    pub(super) fn going(&self) -> Option<&GoingArgs> {
        match &self.what {
            What::List(_) => None,
            What::Push(args) => Some(&args.going),
        }
    }
}

pub(super) async fn list(context: Context, args: &ListArgs) -> Result<(), Problems> {
    let request = ListRegistryRequest { name: args.name.clone(), login: args.login.request(&context)? };
    Box::pin(ops::list_registry(&context, request, table)).await
}

pub(super) async fn push(context: Context, args: &PushArgs) -> Result<(), Problems> {
    let request = PushRequest {
        name: args.name.clone(),
        images: args.images.clone(),
        login: args.login.request(&context)?,
    };
    Box::pin(ops::push_images(&context, request)).await
}

fn table(images: &[ServedImage]) -> String {
    let mut table = Table::new(["repository", "tag", "digest", "missing on"]);
    for image in images {
        let missing: Vec<&str> = image.missing_on.iter().map(|machine| machine.0.as_str()).collect();
        let digest = image.digest.as_ref().map(Digest::short).unwrap_or_default();
        let tag = image.tag.clone().unwrap_or_default();
        table.add([image.repository.clone(), tag, digest, missing.join(",")]);
    }
    table.render()
}
