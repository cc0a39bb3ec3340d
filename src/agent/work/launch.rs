//! An application image's commands, one after the other, until one fails; and what can be known of whether they did their work.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{kubernetes, receipts};
use crate::error::{Class, Problem, Result};
use crate::model::Launched;
use crate::wire::LaunchWork;

use super::application;

pub(super) fn carry_out(work: &LaunchWork, tell: Tell<'_>) -> Result<()> {
    let name = format!("launch-{}", work.tree.manifest.short());
    receipts::withdraw(&name)?;
    application::lay_out(&work.cluster, &work.tree)?;
    for tools in &work.tools {
        application::furnish(&work.cluster, tools)?;
    }
    let began = seconds_since_1970();
    run(work, &work.commands, tell)?;
    check_releases(work, began)?;
    run(work, &work.check, tell).map_err(|problem| Problem {
        message: format!(
            "the commands of {} ended well, but its own check finds their work not done",
            work.image
        ),
        ..problem
    })?;
    receipts::write(&name, &work.receipt)?;
    // Last, since this is what is believed.
    record(work)
}

fn run<'a>(work: &LaunchWork, lines: impl IntoIterator<Item = &'a String>, tell: Tell<'_>) -> Result<()> {
    application::run(&work.cluster, &work.image, &work.tree, &work.tools, lines, tell)
}

/// Scripts go on after a helm that failed; but helm has written down how its releases stand.
fn check_releases(work: &LaunchWork, began: u64) -> Result<()> {
    let unfinished = now(async || kubernetes::api().await?.unfinished_releases(began).await)?;
    if unfinished.is_empty() {
        return Ok(());
    }
    let message =
        format!("the commands of {} ended well, but helm did not finish what they asked of it", work.image);
    let problem = Problem::new(Class::Kubernetes, message)
        .remedy("read the commands' output above; `helm status` on the control plane tells more");
    Err(unfinished.into_iter().fold(problem, Problem::saw))
}

/// The cluster itself remembers what was launched on it, so that any control plane and any operator knows.
fn record(work: &LaunchWork) -> Result<()> {
    let launched = Launched {
        digest: work.receipt.clone(),
        manifest: Some(work.tree.manifest.clone()),
        at: Some(receipts::now()),
        run: Some(work.run.clone()),
        machine: Some(work.machine.clone()),
    };
    now(async || kubernetes::api().await?.record_application(&work.image, &launched).await)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
