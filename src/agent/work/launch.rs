//! An application image's commands, one after the other, until one fails.

use crate::agent::command::Tell;
use crate::agent::{kubernetes, paths, receipts, tree};
use crate::error::{Class, Context as _, Problem, Result};
use crate::model::Environment;
use crate::wire::LaunchWork;

use super::script;

pub(super) fn carry_out(work: &LaunchWork, tell: Tell<'_>) -> Result<()> {
    let name = format!("launch-{}", work.manifest.short());
    receipts::withdraw(&name)?;
    let directory = paths::application(&work.cluster, &work.manifest);
    tree::lay_out(&work.layers, &directory, &work.configs, &work.environment)?;
    let mut environment = work.environment.clone();
    // Images expect their commands to find the cluster without being told.
    environment.entry("KUBECONFIG".to_owned()).or_insert_with(|| paths::ADMIN.to_owned());
    environment.entry("KUBECACHEDIR".to_owned()).or_insert_with(|| paths::KUBECTL_CACHE.to_owned());
    for command in &work.commands {
        tell(command);
        run(command, &environment, &directory, tell).map_err(|problem| Problem {
            class: Class::Kubernetes,
            ..problem.saw(format!("image {}", work.image))
        })?;
    }
    receipts::write(&name, &work.receipt)?;
    // Last, since this is what is believed.
    record(work)
}

/// The cluster itself remembers what was launched on it, so that any control plane and any operator knows.
fn record(work: &LaunchWork) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.problem(Class::Machine, "cannot start a runtime")?;
    runtime.block_on(async { kubernetes::api().await?.record_application(&work.image, &work.receipt).await })
}

/// A failing command ends the launch. The family goes on and tells only the last one's end.
fn run(command: &str, environment: &Environment, directory: &std::path::Path, tell: Tell<'_>) -> Result<()> {
    script::with_environment(command, environment, directory)?.run(tell)
}
