//! The part of `docs/benchmarks.md` that tells of launches.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use sealift::model::Role;

use crate::arguments::Arguments;
use crate::common::computer;
use crate::common::spread::{median, spread};
use crate::machines::Shape;
use crate::measurement::{Measurement, Tool};

/// What the operator may need at most, in bytes.
const MEMORY_LIMIT: u64 = 100_000_000;

/// Returns the part: what was measured, on what, and what came out.
pub(crate) fn page(arguments: &Arguments, measured: &[Measurement]) -> Result<String> {
    let mut page = String::from(INTRODUCTION);
    write!(page, "\n{}\n", conditions(arguments, measured)?)?;
    if arguments.is_comparison() {
        page += &totals(arguments, measured)?;
    }
    for shape in &arguments.machines {
        for tool in &arguments.tools {
            page += &stages(*shape, *tool, measured)?;
        }
    }
    Ok(page)
}

const INTRODUCTION: &str = "\
## Launch

`sealift run kubernetes:v1.36.3 flannel:v0.28.4` with the images in the store, beside `dev/bench/by-hand.sh`, which does the same work as fast as a
shell script can: one SSH connection a machine, `tar | ssh tar` and imports of container images side by side, only what a machine uses, everything it needs rendered
and archived before the clock starts. Both end when every node and every pod of kube-system is Ready. Machines are containers with systemd and OpenSSH, fresh for every
launch, and share this computer's processors with the operator. Whoever goes first changes with every repetition. The script looks at nothing, verifies nothing, keeps no
state, has no registry and no high availability.
";

fn conditions(arguments: &Arguments, measured: &[Measurement]) -> Result<String> {
    let loads: Vec<f64> = measured.iter().map(|measurement| measurement.load_before).collect();
    let machines: Vec<String> = arguments.machines.iter().map(ToString::to_string).collect();
    Ok(format!(
        "- {}, {}\n- load average of the minute before a launch: {}\n- {}, {}\n- `make bench`: {} repetitions of {}\n",
        computer::describe()?,
        computer::output("docker", &["version", "--format", "Docker Engine {{.Server.Version}}"])?,
        spread(&loads, ""),
        computer::output(&arguments.sealift, &["--version"])?,
        jiff::Zoned::now().strftime("%Y-%m-%d"),
        arguments.repetitions,
        machines.join(" and "),
    ))
}

fn totals(arguments: &Arguments, measured: &[Measurement]) -> Result<String> {
    let mut table = String::from(
        "| control planes + workers | sealift | by hand | ratio of the medians | sealift's peak memory |\n|---|---|---|---|---|\n",
    );
    for shape in &arguments.machines {
        let seconds = |tool| -> Vec<f64> {
            of(measured, *shape, tool).map(|measurement| measurement.seconds).collect()
        };
        let (sealift, by_hand) = (seconds(Tool::Sealift), seconds(Tool::ByHand));
        let memory =
            of(measured, *shape, Tool::Sealift).filter_map(|measurement| measurement.peak_memory).max();
        let memory = memory.context("sealift's memory was not seen")?;
        let judgement = if memory < MEMORY_LIMIT { "under" } else { "**over**" };
        writeln!(
            table,
            "| {shape} | {} | {} | {:.2} | {:.1} MB, {judgement} {} MB |",
            spread(&sealift, " s"),
            spread(&by_hand, " s"),
            median(&sealift) / median(&by_hand),
            memory as f64 / 1e6,
            MEMORY_LIMIT / 1_000_000,
        )?;
    }
    Ok(table)
}

fn of(measured: &[Measurement], shape: Shape, tool: Tool) -> impl Iterator<Item = &Measurement> {
    measured.iter().filter(move |measurement| measurement.shape == shape && measurement.tool == tool)
}

/// A stage of all repetitions: when it began and ended, and how long it took on the machine that took longest.
struct Row<'a> {
    title: &'a str,
    role: Option<Role>,
    begins: Vec<f64>,
    ends: Vec<f64>,
    seconds: Vec<f64>,
}

fn stages(shape: Shape, tool: Tool, measured: &[Measurement]) -> Result<String> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for measurement in of(measured, shape, tool) {
        add(&mut rows, measurement);
    }
    rows.sort_by(|a, b| median(&a.begins).total_cmp(&median(&b.begins)));
    let mut table = format!(
        "\n### {tool}, {shape}\n\nMedians in seconds after the command's start; of several workers the earliest begin and the latest end.\n\n\
         | step | on | from | to | takes |\n|---|---|---|---|---|\n"
    );
    for row in rows {
        let role = match row.role {
            Some(Role::ControlPlane) => "control plane",
            Some(Role::Worker) => "workers",
            None => "cluster",
        };
        let (begin, end, seconds) = (median(&row.begins), median(&row.ends), spread(&row.seconds, ""));
        writeln!(table, "| {} | {role} | {begin:.1} | {end:.1} | {seconds} |", row.title)?;
    }
    Ok(table)
}

fn add<'a>(rows: &mut Vec<Row<'a>>, measurement: &'a Measurement) {
    let mut seen: Vec<(&str, Option<Role>)> = Vec::new();
    for stage in &measurement.stages {
        let key = (stage.title.as_str(), stage.role);
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let same = || measurement.stages.iter().filter(|other| (other.title.as_str(), other.role) == key);
        let begin = same().map(|stage| stage.begin).fold(f64::INFINITY, f64::min);
        let end = same().map(|stage| stage.end).fold(0.0, f64::max);
        let seconds = same().map(|stage| stage.end - stage.begin).fold(0.0, f64::max);
        let position = rows.iter().position(|row| (row.title, row.role) == key).unwrap_or_else(|| {
            rows.push(Row { title: key.0, role: key.1, begins: vec![], ends: vec![], seconds: vec![] });
            rows.len() - 1
        });
        rows[position].begins.push(begin);
        rows[position].ends.push(end);
        rows[position].seconds.push(seconds);
    }
}
