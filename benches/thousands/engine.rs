//! One run of the engine over a thousand machines whose steps have nothing to do: all it takes is the engine's own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use sealift::cluster::Fleet;
use sealift::engine::{Acted, Dependency, Event, Graph, Observer, Policy, Progress, Step, execute};
use sealift::error::{Class, Problem};
use sealift::model::{Arch, BoxFuture, MachineName};
use sealift::ops::Journal;
use sealift::redact::Redactions;
use sealift::remote::{AgentSource, Machine, ScriptedMachine};
use sealift::wire::{CallContext, Envelope, Handler, IsApiReady, serve};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::common::computer;

/// How many machines there are.
pub(crate) const MACHINES: usize = 1000;
/// How many steps each of them has, one after the other.
pub(crate) const STEPS_EACH: usize = 20;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// It is done at once.
    Idle,
    /// It asks its machine, over the wire, and a played machine answers at once.
    Asking,
}

impl Steps {
    pub(crate) const ALL: [Self; 2] = [Self::Idle, Self::Asking];

    /// Returns what the command line calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Asking => "asking",
        }
    }
}

/// What one run took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EngineRun {
    /// From the first step's begin to the last one's end.
    pub(crate) seconds: f64,
    /// The most memory that the process had at once, in bytes.
    pub(crate) peak_memory: u64,
    pub(crate) steps: usize,
    /// What stands in the journal, in bytes.
    pub(crate) journal: u64,
}

/// Runs once.
pub(crate) fn measure(steps: Steps) -> Result<EngineRun> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(steps))
}

async fn run(steps: Steps) -> Result<EngineRun> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("run.jsonl");
    let journal = Arc::new(Journal::at(&path, Arc::new(Deaf), Redactions::default())?);
    let names: Vec<MachineName> = (0..MACHINES).map(name).collect();
    let fleet = Fleet::new(names.iter().map(played).collect(), Arc::new(Nobody), "run");
    let graph = graph(steps, &names, &fleet);
    let begin = Instant::now();
    let report = execute(graph, Policy::default(), journal, CancellationToken::new()).await;
    let seconds = begin.elapsed().as_secs_f64();
    let failed = report.problems();
    anyhow::ensure!(failed.is_empty(), "{} steps failed: {}", failed.len(), failed[0]);
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(EngineRun {
        seconds,
        peak_memory: computer::peak_memory(&status).context("the kernel does not tell of memory")?,
        steps: report.outcomes.len(),
        journal: fs::metadata(&path)?.len(),
    })
}

/// Every machine's steps one after the other, and at the end one of the whole cluster that comes after all.
fn graph(steps: Steps, names: &[MachineName], fleet: &Fleet) -> Graph {
    let mut graph = Graph::default();
    let mut last = Vec::new();
    for name in names {
        let mut before = None;
        for number in 0..STEPS_EACH {
            let after = before.map(Dependency::Needs).into_iter().collect();
            let title = format!("do piece {number} of the work");
            let step = Scripted { machine: name.clone(), title, steps, fleet: fleet.clone() };
            before = Some(graph.add(Box::new(step), after));
        }
        last.extend(before.map(Dependency::Follows));
    }
    graph.add(Box::new(Whole), last);
    graph
}

struct Scripted {
    machine: MachineName,
    title: String,
    steps: Steps,
    fleet: Fleet,
}

impl Step for Scripted {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.0)
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, sealift::error::Result<Acted>> {
        Box::pin(async {
            if self.steps == Steps::Asking {
                self.fleet.agent(&self.machine).await?.ask(IsApiReady {}).await?;
            }
            Ok(Acted::Changed)
        })
    }
}

struct Whole;

impl Step for Whole {
    fn title(&self) -> String {
        "wait for all of them".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, sealift::error::Result<Acted>> {
        Box::pin(async { Ok(Acted::Unchanged) })
    }
}

/// What a terminal shows of it is not measured here.
struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: &Event) {}
}

struct Nobody;

impl AgentSource for Nobody {
    fn binary(&self, _: Arch) -> sealift::error::Result<PathBuf> {
        Err(Problem::new(Class::Internal, "played machines need no agent"))
    }
}

struct Ready;

impl Handler for Ready {
    fn handle(
        &self,
        _: Envelope,
        _: CallContext,
    ) -> BoxFuture<'_, sealift::error::Result<serde_json::Value>> {
        Box::pin(async { Ok(true.into()) })
    }
}

fn name(number: usize) -> MachineName {
    MachineName(format!("machine-{number}"))
}

fn played(name: &MachineName) -> Box<dyn Machine> {
    Box::new(ScriptedMachine::new(name.clone(), Ipv4Addr::LOCALHOST.into(), |agent| {
        Ok(Box::pin(serve(agent.input, agent.output, Arc::new(Ready))))
    }))
}
