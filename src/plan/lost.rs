//! A cluster that exists, but of which no API server answers: what is refused, and what may still be done.

use super::consents::{Consents, WithoutApi};
use super::departure::depart;
use super::situation::{Possession, Situation};
use super::step::{Action, Plan, PlanBuilder};
use crate::error::{Class, Problem, Problems};
use crate::model::{Intent, MachineFacts, Role, Seen};

/// Plans what may be done: what a change that was cut off has left down comes back, whatever else is wanted. Without that nothing is
/// done, or what `consents` allow for a cluster that is lost for good.
pub(super) fn apply(
    now: &Situation<'_>,
    consents: &Consents,
    mut plan: PlanBuilder,
) -> Result<Plan, Problems> {
    match consents.without_api {
        WithoutApi::Nothing => {
            put_back(now, &mut plan);
            if plan.is_empty() { Err(refuse(now).into()) } else { Ok(plan.finish()) }
        }
        // What was put aside may be of no use any more: etcd's data can be lost as well.
        WithoutApi::CleanLeaving => clean_leaving(now, consents, plan),
    }
}

/// Plans that control planes run again as they did before a change of their configuration was cut off, by a loss of power mostly. All
/// of them at once: etcd may need every one to decide.
fn put_back(now: &Situation<'_>, plan: &mut PlanBuilder) {
    let leaving = now.desired.leaving.iter().filter(|spec| spec.role == Role::ControlPlane);
    for spec in now.desired.control_planes().chain(leaving) {
        let machine = now.of(spec);
        // What is leaving comes back no more. A change that is still under way is waited for by the step.
        let is_down = |facts: &MachineFacts| {
            let is_member = facts.marker.as_ref().is_some_and(|marker| marker.intent == Intent::Member);
            is_member && !facts.api_ready && !facts.holdings.put_aside.is_empty()
        };
        if machine.facts.is_some_and(is_down) && now.possession(&machine) == Possession::Ours {
            let reason = "its API server is down, and a change of its configuration was cut off; the rest is planned when that answers";
            plan.add(Some(&spec.name), Action::PutBack, reason, None);
        }
    }
}

/// Says why nothing is planned: what is silent now holds people's data, and a new cluster is never made over it.
fn refuse(now: &Situation<'_>) -> Problem {
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
fn clean_leaving(now: &Situation<'_>, consents: &Consents, mut plan: PlanBuilder) -> Result<Plan, Problems> {
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
