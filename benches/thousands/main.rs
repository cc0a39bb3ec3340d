//! What thousands of machines cost the operator's program, without one of them: planning for them, and the engine's own work.
//!
//! `dev/bench.sh --only plan` and `--only engine` run it; `cargo bench --bench thousands -- --help` tells its flags.

mod arguments;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod engine;
mod machine_facts;
mod plan;
mod repeated;
mod report;
mod site;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use arguments::{Arguments, Part, Work};
use common::{page, print, say};

fn main() -> ExitCode {
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<()> {
    match arguments.once {
        Some(Work::Plan(shape)) => print(&serde_json::to_string(&plan::measure(shape, arguments.machines)?)?),
        Some(Work::Engine(steps)) => print(&serde_json::to_string(&engine::measure(steps)?)?),
        None => all_parts(arguments),
    }
}

/// Measures each part in processes of its own and writes what came out.
fn all_parts(arguments: &Arguments) -> Result<()> {
    for part in &arguments.only {
        let text = match part {
            Part::Plan => report::plan(arguments, &repeated::plans(arguments)?)?,
            Part::Engine => report::engine(arguments, &repeated::engines(arguments)?)?,
        };
        page::place(&arguments.report, part.name(), &text)?;
        print(&text)?;
    }
    Ok(())
}
