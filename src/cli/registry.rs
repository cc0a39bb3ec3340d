//! `sealift registry list`, `sealift registry push` and `sealift registry passwd`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::SecretString;

use super::cluster::ClusterArgs;
use super::going::GoingArgs;
use super::login::{self, LoginArgs};
use crate::error::{Class, Context as _, Problems, Result};
use crate::model::Digest;
use crate::ops::{self, Context, ListRegistryRequest, PasswdRequest, PushRequest, ServedImage};
use crate::ui::Table;

/// Look at a cluster's registries, put images into them, change their credentials
#[derive(Debug, Args)]
pub(super) struct RegistryArgs {
    #[command(subcommand)]
    pub(super) what: What,
}

#[derive(Debug, Subcommand)]
pub(super) enum What {
    List(ListArgs),
    Push(PushArgs),
    Passwd(PasswdArgs),
}

/// List what the registries of all control planes serve
///
/// Where one of them lacks what another has, the list says which. Nothing is locked and nothing changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift registry list\n  \
    sealift registry list --name prod -o json")]
pub(super) struct ListArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

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

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

/// Change the credentials of the registries and of all that pulls from them
///
/// Registries take both, the new and the former ones, until every machine has the new ones, so nodes can pull at any time; therefore
/// the user gets another name with the password. The image's scripts run once more on every machine, where container
/// runtimes are started anew, and applications, which may use the credentials, are launched once more. A
/// change that was cut off goes on with the same command, or with `sealift apply`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift registry passwd        # a random password\n  \
    sealift registry passwd --username team --new-password-file secret.txt\n  \
    pass show registry | sealift registry passwd --new-password-file - --yes")]
pub(super) struct PasswdArgs {
    /// The new user's name, of letters and digits [default: that of the present one with a number]
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// A file whose first line is the new password, of letters and digits; `-` reads it from standard input [default: a random one]
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,

    #[command(flatten)]
    cluster: ClusterArgs,

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
            What::Passwd(args) => Some(&args.going),
        }
    }
}

pub(super) async fn list(context: Context, args: &ListArgs) -> Result<(), Problems> {
    let request = ListRegistryRequest { name: args.cluster.name(), login: args.login.request(&context)? };
    Box::pin(ops::list_registry(&context, request, table)).await
}

pub(super) async fn push(context: Context, args: &PushArgs) -> Result<(), Problems> {
    let request = PushRequest {
        name: args.cluster.name(),
        images: args.images.clone(),
        login: args.login.request(&context)?,
    };
    Box::pin(ops::push_images(&context, request)).await
}

pub(super) async fn passwd(context: Context, args: &PasswdArgs) -> Result<(), Problems> {
    let request = PasswdRequest {
        name: args.cluster.name(),
        username: args.username.clone(),
        password: args.new_password_file.as_deref().map(first_line).transpose()?,
        login: args.login.request(&context)?,
    };
    if let Some(password) = &request.password {
        context.reporter.hide(password);
    }
    Box::pin(ops::change_credentials(&context, request)).await
}

fn first_line(file: &Path) -> Result<SecretString> {
    if file == Path::new("-") {
        return login::from_standard_input();
    }
    let text = std::fs::read_to_string(file);
    let text =
        text.problem_with(Class::Usage, || format!("cannot read the password in {}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned().into())
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
