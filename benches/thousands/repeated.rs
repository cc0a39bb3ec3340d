//! One measurement after the other, each in a process of its own, so that its memory is its own too.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;

use crate::arguments::{Arguments, Work};
use crate::common::say;
use crate::engine::{EngineRun, Steps};
use crate::plan::{Planning, Shape};

/// What was measured of one kind of work, one by one.
pub(crate) struct Repeated<K, M> {
    pub(crate) kind: K,
    pub(crate) measured: Vec<M>,
}

/// Plans for every shape as often as asked for.
pub(crate) fn plans(arguments: &Arguments) -> Result<Vec<Repeated<Shape, Planning>>> {
    all(arguments, &Shape::ALL, Work::Plan)
}

/// Runs every kind of step as often as asked for.
pub(crate) fn engines(arguments: &Arguments) -> Result<Vec<Repeated<Steps, EngineRun>>> {
    all(arguments, &Steps::ALL, Work::Engine)
}

/// A disturbance hits all kinds alike: they take turns.
fn all<K: Copy, M: DeserializeOwned>(
    arguments: &Arguments,
    kinds: &[K],
    work: impl Fn(K) -> Work,
) -> Result<Vec<Repeated<K, M>>> {
    let mut all: Vec<_> = kinds.iter().map(|kind| Repeated { kind: *kind, measured: vec![] }).collect();
    for repetition in 1..=arguments.repetitions {
        for one in &mut all {
            let work = work(one.kind);
            say(&format!("{work}, repetition {repetition}"));
            one.measured.push(once(arguments, work)?);
        }
    }
    Ok(all)
}

fn once<M: DeserializeOwned>(arguments: &Arguments, work: Work) -> Result<M> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let output = Command::new(own)
        .args(["--once", &work.to_string(), "--machines", &arguments.machines.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start this program once more")?;
    anyhow::ensure!(output.status.success(), "{work} failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("the measurement cannot be read")
}
