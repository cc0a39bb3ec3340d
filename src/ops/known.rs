//! The clusters that are known here.

use super::context::Context;
use crate::error::{Class, Problem, Result};
use crate::steps::State;

/// Returns what is kept of a cluster.
pub(super) fn cluster(context: &Context, name: &str) -> Result<State> {
    State::load(&context.home, name)?.ok_or_else(|| unknown(context, name))
}

/// Says that a cluster is not known, and which are.
pub(super) fn unknown(context: &Context, name: &str) -> Problem {
    let clusters = context.home.join("clusters");
    let mut known: Vec<String> = std::fs::read_dir(&clusters)
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    known.sort();
    let problem = Problem::new(Class::Config, format!("no cluster `{name}` is known here"));
    if known.is_empty() {
        problem.remedy(format!("clusters are kept in {}", clusters.display()))
    } else {
        problem.remedy(format!("name one of these with --name: {}", known.join(", ")))
    }
    .remedy("a cluster that is known elsewhere is fetched from one of its machines: sealift get --from HOST")
}
