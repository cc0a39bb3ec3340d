//! How an operator's command starts and ends: its surroundings, its reporter, Ctrl-C, its exit code.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use etcetera::BaseStrategy;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{Cli, OutputFormat};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::Environment;
use crate::ops::{Context, Operator, OverSsh, Reporter};
use crate::redact::Redactions;
use crate::ui::{self, Assent, Output, Printer, Streams, Surroundings, Terminal, Verbosity, Wanted};

/// What a command does, as far as its output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes something and tells of it event by event.
    Changes,
    /// It looks, and answers with one document.
    Looks,
}

/// Runs an operator's command in its surroundings.
pub(super) fn operator<F>(cli: &Cli, kind: Kind, command: impl FnOnce(Context) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Problems>>,
{
    let redactions = Redactions::default();
    let terminal = Arc::new(terminal(cli, kind, redactions.clone()));
    start_log(&terminal);
    let reporter: Arc<dyn Reporter> = terminal;
    let outcome = runtime().map_err(Problems::from).and_then(|runtime| {
        let context = context(cli, reporter.clone(), redactions)?;
        runtime.block_on(async {
            tokio::spawn(stop_on_signal(context.clone()));
            command(context).await
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            tell(reporter.as_ref(), &problems);
            problems.class().exit_code().into()
        }
    }
}

/// Starts what runs asynchronous code, with a thread a processor: to encrypt for many machines at once is work.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .problem(Class::Machine, "cannot start threads")
}

fn terminal(cli: &Cli, kind: Kind, redactions: Redactions) -> Terminal {
    let output = match (cli.output, kind) {
        (OutputFormat::Text, _) => Output::Text,
        (OutputFormat::Json, Kind::Changes) => Output::Events,
        (OutputFormat::Json, Kind::Looks) => Output::Document,
    };
    let assent = if cli.command.assents() { Assent::Yes } else { Assent::Ask };
    let wanted = Wanted { output, verbosity: verbosity(cli), assent };
    Terminal::new(Printer::new(
        wanted,
        &Surroundings::of_this_process(),
        Streams::of_this_process(),
        redactions,
    ))
}

/// Returns how much is told.
pub(super) fn verbosity(cli: &Cli) -> Verbosity {
    match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}

/// Logs of libraries are for those who ask for them with `SEALIFT_LOG`.
fn start_log(terminal: &Terminal) {
    let filter = EnvFilter::try_from_env("SEALIFT_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(terminal.log_writer()).try_init();
}

fn context(cli: &Cli, reporter: Arc<dyn Reporter>, redactions: Redactions) -> Result<Context> {
    Ok(Context {
        home: home(cli.home.clone())?,
        environment: environment(),
        reporter,
        redactions,
        machines: Arc::new(OverSsh),
        stop: CancellationToken::new(),
        command_line: command_line(),
        run: crate::ops::new_id(),
        operator: operator_of_this_process(),
        pace: cli.command.pace(),
    })
}

fn operator_of_this_process() -> Operator {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let unnamed = || format!("user {}", rustix::process::getuid().as_raw());
    Operator {
        user: named.filter(|name| !name.is_empty()).unwrap_or_else(unnamed),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        process: std::process::id(),
    }
}

/// Variables that are not text name nothing that sealift looks for.
fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn home(given: Option<PathBuf>) -> Result<PathBuf> {
    let home = match given {
        Some(home) => home,
        None => etcetera::choose_base_strategy()
            .map_err(|error| {
                Problem::new(Class::Usage, "cannot tell where your home directory is").saw(error)
            })?
            .home_dir()
            .join(".sealift"),
    };
    std::path::absolute(&home).problem_with(Class::Usage, || format!("{} cannot be used", home.display()))
}

/// The command as it was typed, with the values of flags that hold secrets left out.
fn command_line() -> String {
    let mut words = vec!["sealift".to_owned()];
    let mut hide_next = false;
    for word in std::env::args().skip(1) {
        let hides = word == "--passwd" || word == "-p";
        words.push(match (hide_next, word.split_once('=')) {
            (true, _) => "-".to_owned(),
            (false, Some(("--passwd", _))) => "--passwd=-".to_owned(),
            (false, _) => shell_words::quote(&word).into_owned(),
        });
        hide_next = hides;
    }
    words.join(" ")
}

/// The first Ctrl-C lets running steps go and begins no other; the second ends the program at once.
async fn stop_on_signal(context: Context) {
    if interrupted().await.is_err() {
        return;
    }
    context.stop.cancel();
    context.reporter.stopping();
    if interrupted().await.is_ok() {
        ui::restore_terminal();
        #[expect(
            clippy::exit,
            reason = "the operator asked twice; work on machines goes on there by itself"
        )]
        std::process::exit(Class::Interrupted.exit_code().into());
    }
}

async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn tell(reporter: &dyn Reporter, problems: &Problems) {
    match problems.list() {
        [only] => reporter.problem(only),
        _ => reporter.problems(problems),
    }
}

/// Ends a program that runs on a machine of a cluster: its words go to the journal or the operator's SSH.
#[expect(
    clippy::print_stderr,
    reason = "there is no terminal on a machine; systemd and SSH take standard error"
)]
pub(super) fn end_on_machine(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            problem.class.exit_code().into()
        }
    }
}
