//! `sealift care`: the daemon on every machine of a cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::start;
use crate::error::{Class, Context as _, Result};
use crate::ha;

/// Balance the API servers and registries for this machine
#[derive(Debug, Args)]
pub(super) struct CareArgs {
    /// The configuration; a changed one is taken over by itself
    #[arg(long, default_value = ha::config::CONFIG_FILE, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn care(args: &CareArgs) -> ExitCode {
    let _ = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_ansi(false).try_init();
    start::end_on_machine(start::runtime().and_then(|runtime| runtime.block_on(serve(args))))
}

async fn serve(args: &CareArgs) -> Result<()> {
    let stop = CancellationToken::new();
    let mut terminate =
        signal(SignalKind::terminate()).problem(Class::Machine, "cannot listen for signals")?;
    let stopped = stop.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stopped.cancel();
    });
    ha::care::run(&args.config, stop).await
}
