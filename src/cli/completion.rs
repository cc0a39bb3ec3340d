//! `sealift completion`

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Print completions for a shell: source <(sealift completion bash)
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    source <(sealift completion bash)\n  \
    sealift completion fish > ~/.config/fish/completions/sealift.fish")]
pub(super) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn completion(args: &CompletionArgs) -> ExitCode {
    clap_complete::generate(args.shell, &mut Cli::command(), "sealift", &mut std::io::stdout());
    ExitCode::SUCCESS
}
