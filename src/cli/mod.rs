//! The command line: one file a command, its flags and one short function.

mod agent;
mod apply;
mod build;
mod care;
mod cluster;
mod clusterfile;
mod completion;
mod consent;
mod convert;
mod delete;
mod get;
mod going;
mod hosts;
mod images;
mod init;
mod inspect;
mod load;
mod login;
mod output;
mod plan;
mod registry;
mod render;
mod replace;
mod reset;
mod rmi;
mod run;
mod save;
mod scale;
mod schema;
mod start;
mod status;
mod uninstall;
mod variable;
mod whole;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use output::OutputFormat;

use crate::ops::Pace;

/// Packs a whole Kubernetes cluster into one OCI image and launches it on any machines that answer SSH.
#[derive(Debug, Parser)]
#[command(name = "sealift", version = VERSION, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Where images, clusters and keys are kept [default: ~/.sealift]
    #[arg(long, global = true, env = "SEALIFT_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<PathBuf>,

    /// What to write: text, or JSON for programs (one event a line from commands that change something)
    #[arg(long, short = 'o', global = true, value_enum, default_value_t, value_name = "FORMAT")]
    output: OutputFormat,

    /// Say only warnings and problems
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Say what the machines print, too
    #[arg(long, short, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

/// The version with the commit it was built from.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SEALIFT_COMMIT"), ")");

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Apply(Box<apply::ApplyArgs>),
    Plan(Box<plan::PlanArgs>),
    Status(Box<status::StatusArgs>),
    Scale(Box<scale::ScaleArgs>),
    #[command(visible_alias = "join")]
    Add(Box<scale::UpArgs>),
    Replace(Box<replace::ReplaceArgs>),
    Delete(Box<delete::DeleteArgs>),
    Uninstall(Box<uninstall::UninstallArgs>),
    Reset(Box<reset::ResetArgs>),
    Registry(Box<registry::RegistryArgs>),
    Init(Box<init::InitArgs>),
    Render(Box<render::RenderArgs>),
    Convert(convert::ConvertArgs),
    Schema(schema::SchemaArgs),
    Get(Box<get::GetArgs>),
    Build(build::BuildArgs),
    Images(images::ImagesArgs),
    Inspect(inspect::InspectArgs),
    Rmi(rmi::RmiArgs),
    Save(save::SaveArgs),
    Load(load::LoadArgs),
    Completion(completion::CompletionArgs),
    #[command(hide = true)]
    Agent(agent::AgentArgs),
    #[command(hide = true)]
    Care(care::CareArgs),
}

/// Runs the command and returns the exit code of its class (`docs/exit-codes.md`).
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Command::Agent(args) => agent::agent(args),
        Command::Care(args) => care::care(args),
        Command::Completion(args) => completion::completion(args),
        Command::Run(args) => start::operator(&cli, start::Kind::Changes, |context| run::run(context, args)),
        Command::Apply(args) => {
            start::operator(&cli, start::Kind::Changes, |context| apply::apply(context, args))
        }
        Command::Plan(args) => {
            let verbosity = start::verbosity(&cli);
            start::operator(&cli, start::Kind::Looks, |context| plan::plan(context, args, verbosity))
        }
        Command::Status(args) => {
            start::operator(&cli, start::Kind::Looks, |context| status::status(context, args))
        }
        Command::Scale(args) => {
            start::operator(&cli, start::Kind::Changes, |context| scale::scale(context, args))
        }
        Command::Add(args) => start::operator(&cli, start::Kind::Changes, |context| scale::up(context, args)),
        Command::Replace(args) => {
            start::operator(&cli, start::Kind::Changes, |context| replace::replace(context, args))
        }
        Command::Uninstall(args) => {
            start::operator(&cli, start::Kind::Changes, |context| uninstall::uninstall(context, args))
        }
        Command::Delete(args) => {
            start::operator(&cli, start::Kind::Changes, |context| delete::delete(context, args))
        }
        Command::Reset(args) => {
            start::operator(&cli, start::Kind::Changes, |context| reset::reset(context, args))
        }
        Command::Registry(args) => match &args.what {
            registry::What::List(args) => {
                start::operator(&cli, start::Kind::Looks, |context| registry::list(context, args))
            }
            registry::What::Push(args) => {
                start::operator(&cli, start::Kind::Changes, |context| registry::push(context, args))
            }
            registry::What::Passwd(args) => {
                start::operator(&cli, start::Kind::Changes, |context| registry::passwd(context, args))
            }
        },
        Command::Init(args) => {
            start::operator(&cli, start::Kind::Looks, |context| async move { init::init(&context, args) })
        }
        Command::Render(args) => {
            start::operator(&cli, start::Kind::Looks, |context| render::render(context, args))
        }
        Command::Convert(args) => {
            start::operator(
                &cli,
                start::Kind::Looks,
                |context| async move { convert::convert(&context, args) },
            )
        }
        Command::Schema(args) => {
            start::operator(&cli, start::Kind::Looks, |context| async move { schema::schema(&context, args) })
        }
        Command::Get(args) => start::operator(&cli, start::Kind::Looks, |context| get::get(context, args)),
        Command::Build(args) => {
            start::operator(&cli, start::Kind::Looks, |context| build::build(context, args))
        }
        Command::Images(args) => {
            start::operator(&cli, start::Kind::Looks, |context| async move { images::images(&context, args) })
        }
        Command::Inspect(args) => {
            start::operator(
                &cli,
                start::Kind::Looks,
                |context| async move { inspect::inspect(&context, args) },
            )
        }
        Command::Rmi(args) => {
            start::operator(&cli, start::Kind::Looks, |context| async move { rmi::rmi(&context, args) })
        }
        Command::Save(args) => {
            start::operator(&cli, start::Kind::Looks, |context| async move { save::save(&context, args) })
        }
        Command::Load(args) => {
            start::operator(&cli, start::Kind::Looks, |context| async move { load::load(&context, args) })
        }
    }
}

impl Command {
    /// Returns how a command that changes a cluster goes about it.
    fn going(&self) -> Option<&going::GoingArgs> {
        match self {
            Self::Run(args) => Some(&args.going),
            Self::Apply(args) => Some(&args.going),
            Self::Scale(args) => Some(args.going()),
            Self::Add(args) => Some(args.going()),
            Self::Replace(args) => Some(&args.going),
            Self::Delete(args) => Some(&args.going),
            Self::Uninstall(args) => Some(&args.going),
            Self::Reset(args) => Some(&args.going),
            Self::Registry(args) => args.going(),
            _ => None,
        }
    }

    /// Returns how long the pods of machines that leave have, of a command by which machines may leave.
    fn drain(&self) -> Option<&going::DrainArgs> {
        match self {
            Self::Apply(args) => Some(&args.drain),
            Self::Scale(args) => args.drain(),
            Self::Replace(args) => Some(&args.drain),
            Self::Delete(args) => Some(&args.drain),
            _ => None,
        }
    }

    fn pace(&self) -> Pace {
        self.going().map(|going| going.pace(self.drain())).unwrap_or_default()
    }

    /// Tells whether questions are answered with yes beforehand.
    fn assents(&self) -> bool {
        self.going().is_some_and(|going| going.yes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;
    use crate::engine::OnFailure;

    fn pace(line: &str) -> Option<Pace> {
        Cli::try_parse_from(line.split(' ')).ok().map(|cli| cli.command.pace())
    }

    #[test]
    fn flags_say_how_a_run_goes_about_its_work() {
        let line =
            "sealift scale down --nodes 10.0.0.1 --fail-fast --max-unavailable 25% --drain-timeout 90s";
        let asked = pace(line).unwrap();
        assert_eq!((asked.on_failure, asked.drain), (OnFailure::BeginNothing, Duration::from_secs(90)));
        assert_eq!(asked.unavailable, "25%".parse().ok());
        assert_eq!(pace("sealift apply"), Some(Pace::default()));
    }

    #[test]
    fn every_command_that_changes_a_cluster_has_them() {
        for command in ["run a", "apply", "add --nodes 1", "scale up --nodes 1", "uninstall a", "reset"] {
            assert!(
                pace(&format!("sealift {command} --fail-fast --max-unavailable 2")).is_some(),
                "{command}"
            );
        }
        for command in ["apply", "scale down --nodes 1", "replace a=b", "delete"] {
            let line = format!("sealift {command} --fail-fast --max-unavailable 2 --drain-timeout 1h");
            assert_eq!(pace(&line).unwrap().drain, Duration::from_hours(1), "{command}");
        }
        for wrong in ["run a --drain-timeout 1h", "apply --max-unavailable 0", "apply --drain-timeout soon"] {
            assert_eq!(pace(&format!("sealift {wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
