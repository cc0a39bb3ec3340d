//! The parts of `docs/benchmarks.md` that tell of planning and of the engine.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use crate::arguments::Arguments;
use crate::common::computer;
use crate::common::spread::{spread, spread_to};
use crate::engine::{EngineRun, MACHINES, STEPS_EACH, Steps};
use crate::plan::{LEAVING, Planning, Shape};
use crate::repeated::Repeated;

/// What planning may take at most: seconds, and bytes.
const PLAN_LIMITS: (f64, u64) = (1.0, 500_000_000);

/// Returns the part about planning.
pub(crate) fn plan(arguments: &Arguments, measured: &[Repeated<Shape, Planning>]) -> Result<String> {
    let machines = arguments.machines;
    let mut page = format!(
        "## Planning for {machines} machines\n\nWhat `sealift plan` does besides speaking with machines: the Clusterfile is read, which names each of {machines} \
         machines on a line of its own (3 control\nplanes, all others workers; 9 layers of Kubernetes and 3 of an application); every machine is checked; \
         the plan is made, and written as text and\nas JSON. What the machines say is in memory before the clock starts, and counts as memory. \
         Each planning is a process of its own. Seconds, as median\n(least-most).\n\n{}",
        conditions(arguments, "plan")?,
    );
    page += "\n| to do | steps | read | check | plan | text | JSON | all together | peak memory |\n|---|---|---|---|---|---|---|---|---|\n";
    for Repeated { kind, measured } in measured {
        let of = |field: fn(&Planning) -> f64| measured.iter().map(field).collect::<Vec<_>>();
        let column = |field| spread_to(&of(field), "", 3);
        let all = of(Planning::seconds);
        let first = measured.first().context("nothing was measured")?;
        let memory = measured.iter().map(|one| one.peak_memory).max().unwrap_or_default();
        let slowest = all.iter().copied().fold(0.0, f64::max);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} ({:.0} MB) | {} s, {} {} s | {:.0} MB, {} {} MB |",
            to_do(*kind),
            first.steps,
            column(|one| one.read),
            column(|one| one.preflight),
            column(|one| one.plan),
            column(|one| one.text),
            column(|one| one.json),
            first.json_bytes as f64 / 1e6,
            spread_to(&all, "", 2),
            judgement(slowest < PLAN_LIMITS.0),
            PLAN_LIMITS.0,
            memory as f64 / 1e6,
            judgement(memory < PLAN_LIMITS.1),
            PLAN_LIMITS.1 / 1_000_000,
        )?;
    }
    Ok(page)
}

fn to_do(shape: Shape) -> String {
    match shape {
        Shape::New => "a new cluster".to_owned(),
        Shape::Nothing => "nothing".to_owned(),
        Shape::Leaving => format!("{LEAVING} workers leave"),
        Shape::Changed => "a variable has changed".to_owned(),
    }
}

fn judgement(within: bool) -> &'static str {
    if within { "under" } else { "**over**" }
}

/// Returns the part about the engine.
pub(crate) fn engine(arguments: &Arguments, measured: &[Repeated<Steps, EngineRun>]) -> Result<String> {
    let mut page = format!(
        "## The engine's own work\n\n{MACHINES} played machines with {STEPS_EACH} steps each, one after the other, and one step after all of them. \
         No step has anything to do, so the time is that of the engine:\nscheduling within the default limits, two events a step, each written to a journal of the kind \
         that every run has. Steps that ask reach their machine\nthrough the connection, frames and messages of a real agent, whose other end is in the same process \
         and does its share of the work.\n\n{}",
        conditions(arguments, "engine")?,
    );
    page += "\n| steps | how many | all | overhead a step | peak memory |\n|---|---|---|---|---|\n";
    for Repeated { kind, measured } in measured {
        let first = measured.first().context("nothing was measured")?;
        let seconds: Vec<f64> = measured.iter().map(|one| one.seconds).collect();
        let each: Vec<f64> = seconds.iter().map(|all| all / first.steps as f64 * 1e6).collect();
        let memory = measured.iter().map(|one| one.peak_memory).max().unwrap_or_default();
        let what = match kind {
            Steps::Idle => "done at once",
            Steps::Asking => "ask their machine",
        };
        writeln!(
            page,
            "| {what} | {} | {} | {} | {:.0} MB, with a journal of {:.1} MB |",
            first.steps,
            spread_to(&seconds, " s", 2),
            spread(&each, " µs"),
            memory as f64 / 1e6,
            first.journal as f64 / 1e6,
        )?;
    }
    Ok(page)
}

fn conditions(arguments: &Arguments, part: &str) -> Result<String> {
    Ok(format!(
        "- {}\n- load average of the minute before the end: {:.1}\n- sealift {}, {}\n- `dev/bench.sh --only {part}`: {} repetitions\n",
        computer::describe()?,
        computer::load(),
        env!("CARGO_PKG_VERSION"),
        jiff::Zoned::now().strftime("%Y-%m-%d"),
        arguments.repetitions,
    ))
}
