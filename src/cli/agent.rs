//! `sealift agent`: the machine's end, started over SSH; and the worker of a transient unit.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::start;
use crate::agent;

/// Serve an operator on standard input and output
#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    /// Serve the operator on standard input and output
    #[arg(long)]
    stdio: bool,

    /// The directory this program was put in, deleted as soon as it runs
    #[arg(long, value_name = "DIR")]
    temporary: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<AgentCommand>,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Do the work in a directory and leave its result there
    Work {
        /// The work's directory
        directory: PathBuf,
    },
}

pub(super) fn agent(args: &AgentArgs) -> ExitCode {
    let outcome = match &args.command {
        Some(AgentCommand::Work { directory }) => {
            let _ = rustls::crypto::ring::default_provider().install_default();
            agent::run_work(directory)
        }
        None => {
            if let Some(directory) = &args.temporary {
                // A program that runs may be deleted. What cannot be deleted now goes with the next boot.
                let _ = std::fs::remove_dir_all(directory);
            }
            start::runtime().and_then(|runtime| {
                let served = runtime.block_on(agent::serve_standard_streams());
                // Reading standard input blocks a thread that must not be waited for.
                runtime.shutdown_background();
                served
            })
        }
    };
    start::end_on_machine(outcome)
}
