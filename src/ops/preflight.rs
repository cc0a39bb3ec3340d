//! Every problem of every machine, before anything is touched.

use super::context::Context;
use super::observe::Sight;
use super::{reach, registry};
use crate::cluster::Fleet;
use crate::error::{Problem, Problems, Result};
use crate::model::Digest;
use crate::plan::{self, Desired};

/// Tells what is doubtful, and fails with all that is wrong, `silent` strangers among it.
pub(super) async fn check(
    context: &Context,
    fleet: &Fleet,
    desired: &Desired,
    sight: &Sight,
    authority: Option<&Digest>,
    silent: Vec<Problem>,
) -> Result<(), Problems> {
    let mut found = plan::preflight(desired, &sight.observed, &sight.clocks, authority);
    found.problems.splice(0..0, silent);
    found.problems.extend(reach::check(fleet, &desired.cluster.machines, &sight.observed).await);
    Box::pin(registry::try_it(fleet, desired, &sight.observed, &mut found)).await;
    let control_planes = desired.control_planes().count();
    if control_planes.is_multiple_of(2) && control_planes > 0 {
        context.reporter.warn(&format!(
            "{control_planes} control planes tolerate no more failures than {}",
            control_planes - 1
        ));
    }
    for warning in &found.warnings {
        context.reporter.warn(&warning.to_string());
    }
    Problems::check(found.problems)
}
