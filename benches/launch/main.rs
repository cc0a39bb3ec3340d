//! How long a launch takes: `sealift run` beside a shell script that does the same work, on fresh machines each time.
//!
//! `make bench` runs it; `cargo bench --bench launch -- --help` tells its flags.

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod artefacts;
mod by_hand;
mod launch;
mod machines;
mod measurement;
mod report;
mod sealift_run;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use arguments::Arguments;
use artefacts::Artefacts;
use common::scratch::Scratch;
use common::{page, print, say};
use launch::Launch;
use machines::{Machines, Shape};
use measurement::{Measurement, Tool};

#[tokio::main]
async fn main() -> ExitCode {
    match bench(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let scratch = Scratch::new(&arguments.home()?)?;
    let machines = Machines::connect(&scratch.home).await?;
    // What a killed bench left.
    machines.remove().await?;
    let measured = tokio::select! {
        measured = measure_all(arguments, &scratch, &machines) => measured,
        told = told_to_stop() => Err(told.err().unwrap_or_else(|| anyhow::anyhow!("told to stop"))),
    };
    machines.remove().await?;
    let page = report::page(arguments, &measured?)?;
    if !arguments.is_comparison() {
        return print(&page);
    }
    page::place(&arguments.report, "launch", &page)?;
    print(&page)
}

/// Waits for Ctrl-C, or for what a service manager or `timeout` sends.
async fn told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Every shape, every repetition, both tools; whoever goes first changes from one repetition to the next.
async fn measure_all(
    arguments: &Arguments,
    scratch: &Scratch,
    machines: &Machines,
) -> Result<Vec<Measurement>> {
    say("preparing what goes to the machines by hand");
    let artefacts =
        Artefacts::prepare(&arguments.sealift, &scratch.home, &scratch.directory.path().join("artefacts"))?;
    let mut measured = Vec::new();
    for repetition in 0..arguments.repetitions {
        for shape in &arguments.machines {
            for tool in Tool::in_turn(repetition).into_iter().filter(|tool| arguments.tools.contains(tool)) {
                let measurement = measure(arguments, scratch, machines, &artefacts, *shape, tool).await?;
                say(&format!("{shape} {tool}, repetition {}: {:.1} s", repetition + 1, measurement.seconds));
                measured.push(measurement);
            }
        }
    }
    Ok(measured)
}

async fn measure(
    arguments: &Arguments,
    scratch: &Scratch,
    machines: &Machines,
    artefacts: &Artefacts,
    shape: Shape,
    tool: Tool,
) -> Result<Measurement> {
    let made = machines.fresh(shape).await?;
    let launch = Launch::new(shape, made);
    // What making the machines left to be written is not the launch's work.
    rustix::fs::sync();
    let measurement = match tool {
        Tool::Sealift => sealift_run::measure(&arguments.sealift, &scratch.home, &launch).await,
        Tool::ByHand => {
            let directory = scratch.directory.path().join("launch");
            by_hand::measure(artefacts, &directory, &launch).await
        }
    };
    machines.remove().await?;
    measurement
}
