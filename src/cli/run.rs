//! `sealift run`

use std::net::IpAddr;

use super::cluster::ClusterArgs;
use super::going::GoingArgs;
use super::hosts::by_role;
use super::login::LoginArgs;
use super::variable::variable;
use crate::error::{Problems, Result};
use crate::model::{Environment, Subnets};
use crate::ops::{self, Context, RunRequest};
use crate::steps::Provider;
use clap::{Args, ValueEnum};

/// Launch a cluster from images, or add images and machines to one
///
/// Run the same command again after anything went wrong: it looks what is there and goes on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift run kubernetes:v1.36.3 flannel:v0.28.4 --masters 10.0.0.1 --nodes 10.0.0.2-10.0.0.9\n  \
    sealift run kubernetes:v1.36.3 flannel:v0.28.4 --provider container --masters 1 --nodes 2\n  \
    sealift run hello:v1")]
pub(super) struct RunArgs {
    /// Images, the one that brings Kubernetes first; a cluster that is there keeps those it has
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,

    /// Control planes: addresses, names, ranges a-b, with a port as host:port; a number with --provider container
    #[arg(long, short, value_name = "LIST")]
    masters: Option<String>,

    /// Workers, in the same form
    #[arg(long, short, value_name = "LIST")]
    nodes: Option<String>,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// A variable for the images' scripts, templates and commands; may be given more than once
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// A command in place of those of the first application; may be given more than once
    #[arg(long, value_name = "COMMAND")]
    cmd: Vec<String>,

    /// Where machines come from
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    provider: ProviderKind,

    /// The machine image of `--provider container`
    #[arg(long, value_name = "NAME")]
    machine_image: Option<String>,

    /// The pods' network, or one of each address family with a comma between them [default: 100.64.0.0/10]
    #[arg(long, value_name = "CIDR")]
    pod_cidr: Option<Subnets>,

    /// The Services' network, or one of each address family as for pods [default: 10.96.0.0/22]
    #[arg(long, value_name = "CIDR")]
    service_cidr: Option<Subnets>,

    /// The address at which workers reach the API servers [default: that of the image, then 10.103.97.2]
    #[arg(long, value_name = "ADDRESS")]
    vip: Option<IpAddr>,

    #[command(flatten)]
    pub(super) going: GoingArgs,

    #[command(flatten)]
    login: LoginArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ProviderKind {
    /// They are yours
    #[default]
    BareMetal,
    /// sealift makes them as containers of the local Docker Engine
    Container,
}

pub(super) async fn run(context: Context, args: &RunArgs) -> Result<(), Problems> {
    let machines = by_role(args.masters.as_deref(), args.nodes.as_deref())?;
    let request = RunRequest {
        name: args.cluster.name(),
        images: args.images.clone(),
        control_planes: machines.control_planes,
        workers: machines.workers,
        provider: match args.provider {
            ProviderKind::BareMetal => Provider::BareMetal,
            ProviderKind::Container => Provider::Container,
        },
        machine_image: args.machine_image.clone(),
        login: args.login.request(&context)?,
        environment: args.env.iter().cloned().collect::<Environment>(),
        command: (!args.cmd.is_empty()).then(|| args.cmd.clone()),
        pods: args.pod_cidr,
        services: args.service_cidr,
        vip: args.vip,
    };
    ops::run(&context, request).await
}
