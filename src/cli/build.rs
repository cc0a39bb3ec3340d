//! `sealift build`

use std::path::PathBuf;

use clap::Args;

use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::image::build::BuildOptions;
use crate::image::collect::{EngineSource, RegistrySource, Sources};
use crate::image::kubefile::Arguments;
use crate::model::Arch;
use crate::ops::{self, Context};

/// Build an image from a directory with a Kubefile
///
/// Images named in images/shim/ and manifests/ are brought into the image's own registry: from the local store, OCI
/// layouts and Docker archives in the directory, the local Docker Engine, and registries, in this order.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift build -t kubernetes:v1.36.3 images/kubernetes\n  \
    sealift build -t shop:v1 --build-arg VERSION=1.4 --platform linux/arm64 shop")]
pub(super) struct BuildArgs {
    /// The directory
    #[arg(value_name = "DIR", default_value = ".")]
    context: PathBuf,

    /// The image's name
    #[arg(long, short, value_name = "NAME")]
    tag: String,

    /// The Kubefile [default: Kubefile, Sealfile, Dockerfile or Containerfile in the directory]
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,

    /// A value for an ARG; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    build_arg: Vec<String>,

    /// A label; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,

    /// An annotation of the image's manifest; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    annotation: Vec<String>,

    /// A variable; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// The architecture of the machines the image is for [default: this one's]
    #[arg(long, value_name = "linux/ARCH")]
    platform: Option<String>,

    /// Take no image from a registry or the Docker Engine: what is not at hand is a problem
    #[arg(long)]
    offline: bool,
}

pub(super) async fn build(context: Context, args: &BuildArgs) -> Result<(), Problems> {
    let sources = if args.offline {
        Sources { engine: EngineSource::Unused, registries: RegistrySource::Unused }
    } else {
        Sources::default()
    };
    let options = BuildOptions {
        name: args.tag.parse()?,
        context: args.context.clone(),
        file: args.file.clone(),
        arguments: Arguments { arch: arch(args.platform.as_deref())?, build_args: pairs(&args.build_arg)? },
        labels: pairs(&args.label)?,
        annotations: pairs(&args.annotation)?,
        environment: pairs(&args.env)?,
        epoch: epoch()?,
        sources,
    };
    ops::build(&context, options).await
}

fn pairs<C: FromIterator<(String, String)>>(words: &[String]) -> Result<C> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Problem::new(Class::Usage, format!("`{word}` is not NAME=VALUE"))),
        })
        .collect()
}

fn arch(platform: Option<&str>) -> Result<Arch> {
    let Some(platform) = platform else { return Ok(Arch::THIS) };
    let name = platform.strip_prefix("linux/").unwrap_or(platform);
    Arch::from_uname(name).ok_or_else(|| {
        Problem::new(Class::Usage, format!("`{platform}` is not a platform"))
            .remedy("there are linux/amd64 and linux/arm64")
    })
}

/// The time of all files, by the convention of <https://reproducible-builds.org/specs/source-date-epoch/>.
fn epoch() -> Result<u64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().problem(Class::Usage, "SOURCE_DATE_EPOCH is not a number of seconds"),
        Err(_) => Ok(0),
    }
}
