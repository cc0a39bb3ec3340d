//! `sealift get`

use clap::Args;

use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::model::SshAddress;
use crate::ops::{self, Context, GetRequest};

/// Fetch a cluster that is not known here from one of its machines: its definition and the kubeconfig
///
/// Every command goes on from there as it does where the cluster was made. Nothing is changed on the machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift get --from 10.0.0.1\n  \
    sealift get --from 10.0.0.1:2222 --identity ~/.ssh/id_ed25519")]
pub(super) struct GetArgs {
    /// A machine of the cluster, best a control plane: host or host:port
    #[arg(long, value_name = "HOST")]
    from: SshAddress,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn get(context: Context, args: &GetArgs) -> Result<(), Problems> {
    let request = GetRequest { from: args.from.clone(), login: args.login.request(&context)? };
    ops::get(&context, request).await
}
