//! One planning, from the Clusterfile's text to the plan as text and as JSON. What machines say is there already.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use sealift::clusterfile::{self, Overrides, Source};
use sealift::model::{Digest, Observed};
use sealift::plan::{self, Consents, Desired};
use sealift::ui::Verbosity;
use sealift::{ops, ui};
use serde::{Deserialize, Serialize};

use crate::cluster;
use crate::common::computer;
use crate::machine_facts as facts;
use crate::site::site;

/// How many machines leave where some do.
pub(crate) const LEAVING: usize = 300;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Everything: all machines are fresh.
    New,
    /// Nothing.
    Nothing,
    /// Some workers leave.
    Leaving,
    /// A variable is new, and every machine's rootfs is laid out again.
    Changed,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::New, Self::Nothing, Self::Leaving, Self::Changed];

    /// Returns what the command line calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Nothing => "nothing",
            Self::Leaving => "leaving",
            Self::Changed => "changed",
        }
    }
}

/// What one planning took, in seconds, and what came out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Planning {
    /// Reading the Clusterfile.
    pub(crate) read: f64,
    /// Checking every machine.
    pub(crate) preflight: f64,
    /// Planning itself.
    pub(crate) plan: f64,
    /// Writing it for people.
    pub(crate) text: f64,
    /// Writing it for programs.
    pub(crate) json: f64,
    /// The most memory that the process had at once, in bytes.
    pub(crate) peak_memory: u64,
    pub(crate) steps: usize,
    pub(crate) json_bytes: usize,
}

impl Planning {
    /// Returns all of it together.
    pub(crate) fn seconds(&self) -> f64 {
        self.read + self.preflight + self.plan + self.text + self.json
    }
}

/// Plans once.
pub(crate) fn measure(shape: Shape, machines: u32) -> Result<Planning> {
    let text = cluster::clusterfile(machines).into_bytes();
    let source = Source { name: "Clusterfile".to_owned(), text };

    let begin = Instant::now();
    let declared = clusterfile::load(&[source], &Overrides::default())?;
    let read = begin.elapsed();

    let (desired, observed) = scene(shape, cluster::desired(&declared)?)?;
    let clocks: BTreeMap<String, i64> =
        desired.cluster.machines.iter().map(|machine| (machine.name.0.clone(), 0)).collect();
    let authority = (shape != Shape::New).then(|| Digest::of("ca"));

    let begin = Instant::now();
    let found = plan::preflight(&desired, &observed, &clocks, authority.as_ref());
    let preflight = begin.elapsed();
    anyhow::ensure!(found.problems.is_empty(), "{}", found.problems[0]);

    let begin = Instant::now();
    let plan = plan::apply(&desired, &observed, authority.as_ref(), &Consents::default())?;
    let planned = begin.elapsed();
    anyhow::ensure!(plan.is_empty() == (shape == Shape::Nothing), "{} steps", plan.steps.len());

    let site = Arc::new(site(desired, observed));
    let begin = Instant::now();
    let text = ui::plan_text(&ops::shown(&plan, &site, "plan of Clusterfile")?, Verbosity::Normal, 120);
    let shown = begin.elapsed();
    anyhow::ensure!(!text.is_empty());

    let begin = Instant::now();
    let json = serde_json::to_string_pretty(&plan)?;
    let written = begin.elapsed();

    let status = fs::read_to_string("/proc/self/status")?;
    Ok(Planning {
        read: read.as_secs_f64(),
        preflight: preflight.as_secs_f64(),
        plan: planned.as_secs_f64(),
        text: shown.as_secs_f64(),
        json: written.as_secs_f64(),
        peak_memory: computer::peak_memory(&status).context("the kernel does not tell of memory")?,
        steps: plan.steps.len(),
        json_bytes: json.len(),
    })
}

/// Returns what is desired and what is seen.
fn scene(shape: Shape, before: Desired) -> Result<(Desired, Observed)> {
    let machines = || before.cluster.machines.iter();
    if shape == Shape::New {
        let seen = machines().map(|spec| Ok((spec.name.clone(), facts::fresh(spec)?)));
        let observed = facts::observed(seen, None)?;
        return Ok((before, observed));
    }
    let seen = machines().map(|spec| Ok((spec.name.clone(), facts::member(&before, spec)?)));
    let observed = facts::observed(seen, Some(facts::api(&before, machines())))?;
    let mut desired = before;
    match shape {
        Shape::Leaving => {
            let machines = &mut desired.cluster.machines;
            desired.leaving = machines.split_off(machines.len().saturating_sub(LEAVING));
        }
        Shape::Changed => {
            desired.cluster.environment.insert("criData".to_owned(), "/data/other".to_owned());
        }
        Shape::New | Shape::Nothing => {}
    }
    Ok((desired, observed))
}
