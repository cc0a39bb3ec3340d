//! A cluster that exists, but of which no API server answers: what is refused, and what may still be done.

use super::consents::Consents;
use super::departure::depart;
use super::situation::{Possession, Situation};
use super::step::{Plan, PlanBuilder};
use crate::error::{Class, Problem, Problems};
use crate::model::{Role, Seen};

/// Says why nothing is planned: what is silent now holds people's data, and a new cluster is never made over it.
pub(super) fn refuse(now: &Situation<'_>) -> Problem {
    let problem = Problem::new(Class::Kubernetes, "the cluster exists, but none of its API servers answers")
        .remedy(
            "start its control planes, look at `journalctl -u kubelet` there, and run the same command again",
        )
        .remedy(format!(
            "or give it up with all its data: sealift reset --name {}",
            now.desired.cluster.name
        ));
    let problem = match &now.observed.api {
        Some(Seen::Unknown(seen)) => problem.saw(seen),
        _ => problem,
    };
    let leaving = now.desired.leaving.iter().filter(|spec| spec.role == Role::ControlPlane);
    let all = now.desired.control_planes().chain(leaving);
    let silent = all.filter(|spec| now.of(spec).facts.is_none());
    silent.fold(problem, |problem, spec| problem.saw(now.silence(spec)))
}

/// Plans that the machines that leave are cleaned, though nobody can be told that they go. The rest is set aside.
pub(super) fn clean_leaving(
    now: &Situation<'_>,
    consents: &Consents,
    mut plan: PlanBuilder,
) -> Result<Plan, Problems> {
    for spec in now.leaving() {
        let machine = now.of(spec);
        match now.possession(&machine) {
            Possession::Unknown if !consents.give_up.contains(&spec.name) => {
                plan.set_aside(now.silence(spec));
            }
            _ => drop(depart(&mut plan, now, &machine, None)),
        }
    }
    if plan.is_empty() {
        return Err(refuse(now).into());
    }
    plan.set_aside(refuse(now));
    Ok(plan.finish())
}
