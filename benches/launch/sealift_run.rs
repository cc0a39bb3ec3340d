//! `sealift run`, timed from outside, with its steps from its own events and its memory from the kernel.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use sealift::model::Role;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use crate::common::computer;
use crate::launch::{KUBERNETES, Launch, POD_NETWORK};
use crate::measurement::{Measurement, Stage, Tool};

/// How often memory is read. The kernel keeps the peak, so only the last moments can be missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Launches the cluster and measures it.
pub(crate) async fn measure(sealift: &Path, home: &Path, launch: &Launch) -> Result<Measurement> {
    let load_before = computer::load();
    let began = Timestamp::now();
    let clock = Instant::now();
    let mut child = command(sealift, home, launch)?.spawn().context("cannot start sealift")?;
    let process = child.id().context("sealift ended at once")?;
    let output = child.stdout.take().context("sealift has no output")?;
    let (events, peak_memory) = tokio::join!(read_events(output), watch_memory(process));
    let status = child.wait().await?;
    let seconds = clock.elapsed().as_secs_f64();
    let events = events?;
    anyhow::ensure!(status.success(), "sealift failed: {status}\n{}", problems(&events));
    Ok(Measurement {
        tool: Tool::Sealift,
        shape: launch.shape,
        seconds,
        peak_memory,
        stages: stages(&events, began, launch),
        load_before,
    })
}

fn command(sealift: &Path, home: &Path, launch: &Launch) -> Result<Command> {
    let list = |role| launch.addresses(role).map(|address| address.to_string()).collect::<Vec<_>>().join(",");
    let mut command = Command::new(sealift);
    command
        .args([
            "--output",
            "json",
            "run",
            KUBERNETES,
            POD_NETWORK,
            "--yes",
            "--name",
            "measured",
            "--user",
            "root",
        ])
        .args(["--masters", &list(Role::ControlPlane), "--nodes", &list(Role::Worker)])
        .arg("--home")
        .arg(home)
        .arg("--identity")
        .arg(launch.key().context("no machines were made")?)
        // Whoever runs this has settings of SSH that are not to be measured.
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    for machine in &launch.machines {
        command.args(["--host-key", &machine.host_key]);
    }
    // Each repetition is a cluster of its own.
    match std::fs::remove_dir_all(home.join("clusters/measured")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(command),
    }
}

async fn read_events(output: impl AsyncRead + Unpin) -> Result<Vec<Value>> {
    let mut lines = BufReader::new(output).lines();
    let mut events = Vec::new();
    while let Some(line) = lines.next_line().await? {
        events.push(serde_json::from_str(&line).with_context(|| format!("not an event: {line}"))?);
    }
    Ok(events)
}

/// Returns the last peak that the kernel told before the process ended, in bytes.
async fn watch_memory(process: u32) -> Option<u64> {
    let path = format!("/proc/{process}/status");
    let mut peak = None;
    // One that has ended and is not waited for yet has a status without memory.
    while let Some(bytes) = std::fs::read_to_string(&path).ok().as_deref().and_then(computer::peak_memory) {
        peak = Some(bytes);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    peak
}

/// Returns the steps, and before them what comes before a plan: looking at the machines and checking them.
fn stages(events: &[Value], began: Timestamp, launch: &Launch) -> Vec<Stage> {
    let named = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    let since = |event: &Value| {
        let time: Timestamp = event["time"].as_str()?.parse().ok()?;
        time.duration_since(began).as_secs_f64().into()
    };
    let looked = named("run-started").filter_map(since).map(|end| Stage {
        title: "look at the machines, check them, plan".to_owned(),
        role: None,
        begin: 0.0,
        end,
    });
    let steps = named("step-finished").filter_map(|event| {
        let end = since(event)?;
        Some(Stage {
            title: event["title"].as_str()?.to_owned(),
            role: event["machine"].as_str().and_then(|machine| launch.role(machine)),
            begin: end - event["seconds"].as_f64()?,
            end,
        })
    });
    looked.chain(steps).collect()
}

/// Returns what sealift said went wrong, for people.
fn problems(events: &[Value]) -> String {
    let told = events.iter().filter(|event| event["event"] == "problems" || event["outcome"] == "failed");
    told.map(Value::to_string).collect::<Vec<_>>().join("\n")
}
