//! `dev/bench/by-hand.sh`, timed from outside, with its stages as it prints them.

use std::path::Path;
use std::process::Stdio;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use sealift::model::Role;
use tokio::process::Command;

use crate::artefacts::Artefacts;
use crate::common::computer;
use crate::launch::Launch;
use crate::measurement::{Measurement, Stage, Tool};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dev/bench/by-hand.sh");

/// Launches the cluster and measures it; what is written for these machines goes to `directory`.
pub(crate) async fn measure(artefacts: &Artefacts, directory: &Path, launch: &Launch) -> Result<Measurement> {
    artefacts.prepare_launch(directory, launch)?;
    // That it was written is not the launch's work either.
    rustix::fs::sync();
    let load_before = computer::load();
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
    let clock = Instant::now();
    let child = Command::new(SCRIPT)
        .arg(artefacts.directory())
        .arg(directory)
        .arg(launch.key().context("no machines were made")?)
        .args(
            launch
                .addresses(Role::ControlPlane)
                .chain(launch.addresses(Role::Worker))
                .map(|ip| ip.to_string()),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Programs warn there of what does not matter here; it is told when the script fails.
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("cannot start the script")?;
    let _group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let output = child.wait_with_output().await?;
    let seconds = clock.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "by-hand.sh failed: {}\n{said}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Measurement {
        tool: Tool::ByHand,
        shape: launch.shape,
        seconds,
        peak_memory: None,
        stages: text.lines().filter_map(|line| stage(line, began, launch)).collect(),
        load_before,
    })
}

/// Reads a line `stage`, title, machine, begin, end.
fn stage(line: &str, began: f64, launch: &Launch) -> Option<Stage> {
    let fields: Vec<&str> = line.split('\t').collect();
    let ["stage", title, machine, begin, end] = fields[..] else { return None };
    let since = |text: &str| text.parse::<f64>().ok().map(|time| time - began);
    Some(Stage {
        title: title.to_owned(),
        role: launch.role(machine),
        begin: since(begin)?,
        end: since(end)?,
    })
}

/// The script and all that it started. They end with the measurement, also with one that is given up.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Mostly all of it has ended by itself.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}
