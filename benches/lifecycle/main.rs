//! What a cluster's user feels while its machines change, and how long `sealift apply` takes when nothing is to be done.
//!
//! `dev/bench.sh --only lifecycle` runs it; `cargo bench --bench lifecycle -- --help` tells its flags.

mod arguments;
#[path = "../../tests/cluster/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod operator;
mod report;
mod scene;
mod story;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use arguments::Arguments;
use common::{page, print, say};
use scene::Scene;

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
    let scene = Scene::make(arguments)?;
    let measured = story::tell(arguments, &scene)?;
    let text = report::text(arguments, &measured)?;
    page::place(&arguments.report, "lifecycle", &text)?;
    print(&text)
}
