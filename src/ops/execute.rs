//! A plan shown, confirmed and carried out, and its end told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::journal::Journal;
use super::lock::{self, Locked};
use super::record;
use super::reporter::Question;
use super::view::{
    Affected, Certainty, Disruption, Ending, HalfDone, PlanGroup, PlanView, PlannedStep, StepTiming, Summary,
};
use crate::engine::{self, Event, Observer, Outcome, Policy, Report};
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{MachineName, MachineSpec, Role};
use crate::plan::{self, Action, Desired, Plan};
use crate::steps::{self, Site};

/// What a run is called and what its end should say.
pub(super) struct Purpose {
    /// What it is a plan of: `run kubernetes:v1.36.3`.
    pub(super) title: String,
    /// The questions before it; each must be answered with yes.
    pub(super) questions: Vec<Question>,
    /// What holds when all went well, in one sentence.
    pub(super) achieved: String,
    /// What to type next.
    pub(super) next: Vec<String>,
}

/// What is shown, asked and carried out.
pub(super) struct Proposal {
    /// What to do.
    pub(super) plan: Plan,
    /// On which ground.
    pub(super) site: Arc<Site>,
    /// What for.
    pub(super) purpose: Purpose,
}

/// Shows the plan, asks, locks the cluster, carries the plan out and tells the end.
///
/// Nothing is locked before the operator has agreed, so somebody else may have been faster: `again` looks and proposes
/// once more under the lock, and what would be done now is shown and asked again where it is something else.
pub(super) async fn execute(
    context: &Context,
    proposal: Proposal,
    again: impl AsyncFnOnce(&Proposal) -> Result<Proposal, Problems>,
) -> Result<(), Problems> {
    policy(context, &proposal)?;
    if proposal.plan.is_empty() {
        return nothing_to_do(context, &proposal.plan, proposal.purpose);
    }
    agree(context, &proposal)?;
    let locked = lock::take(context, &proposal).await?;
    let site = proposal.site.clone();
    let outcome = under_lock(context, &locked, proposal, again).await;
    match locked.release(&site).await {
        Some(lost) => Err(lost.into()),
        None => outcome,
    }
}

/// Returns how the plan is carried out, unless it may not be begun at all.
fn policy(context: &Context, proposal: &Proposal) -> Result<Policy, Problems> {
    let Proposal { plan, site, .. } = proposal;
    context.pace.policy(plan, site.cluster(), &site.observed)
}

/// Shows the plan and asks.
fn agree(context: &Context, proposal: &Proposal) -> Result<()> {
    let Proposal { plan, site, purpose } = proposal;
    context.reporter.plan(&shown(plan, site, &purpose.title)?);
    for question in &purpose.questions {
        if !context.reporter.confirm(question)? {
            return Err(Problem::new(Class::Refused, "nothing was changed, since it was not confirmed"));
        }
    }
    Ok(())
}

async fn under_lock(
    context: &Context,
    locked: &Locked,
    before: Proposal,
    again: impl AsyncFnOnce(&Proposal) -> Result<Proposal, Problems>,
) -> Result<(), Problems> {
    let proposal = again(&before).await?;
    let policy = policy(context, &proposal)?;
    if proposal.plan.is_empty() {
        return nothing_to_do(context, &proposal.plan, proposal.purpose);
    }
    if proposal.plan.steps != before.plan.steps {
        context.reporter.warn("the cluster has changed since that plan was made; this is what is to do now");
        agree(context, &proposal)?;
    }
    tell_of_others_work(context, &proposal.site);
    carry_out(context, locked, policy, proposal).await
}

/// What an earlier run began goes on by itself; the steps of this one pick it up, or say that the machine is busy.
fn tell_of_others_work(context: &Context, site: &Site) {
    for (machine, seen) in &site.observed.machines {
        if let Some(work) = seen.known().and_then(|facts| facts.holdings.under_way.as_ref()) {
            context.reporter.warn(&format!("{machine}: work of an earlier run goes on there: {work}"));
        }
    }
}

async fn carry_out(
    context: &Context,
    locked: &Locked,
    policy: Policy,
    proposal: Proposal,
) -> Result<(), Problems> {
    let Proposal { plan, site, purpose } = proposal;
    // What only puts back what ran before makes nothing of the wish: that is compared with what was told before it.
    let fulfils = !plan.only_puts_back();
    if fulfils {
        site.change_state(|_| {}).save(&site.home)?;
    }
    let titles = steps::titles(&plan, &site)?;
    let journal: Arc<dyn Observer> = Arc::new(Journal::begin(context, &plan.cluster)?);
    journal.event(&Event::RunStarted {
        run: context.run.clone(),
        cluster: plan.cluster.clone(),
        steps: plan.steps.len(),
    });
    let graph = steps::graph(&plan, &site)?;
    let report = engine::execute(graph, policy, journal, locked.stop.clone()).await;
    let ending = ending(context, &site, &plan, &titles, &report);
    if fulfils {
        record::record(context, &site, &purpose.title, &titles, &report, &ending).await;
    }
    tell_the_end(context, &plan, &titles, &report, &ending, purpose)
}

/// All that can be reached is as desired. Nothing is written anywhere, and nothing was locked.
fn nothing_to_do(context: &Context, plan: &Plan, purpose: Purpose) -> Result<(), Problems> {
    let whole = plan.set_aside.is_empty();
    context.reporter.finished(&Summary {
        what: if whole { purpose.achieved } else { purpose.title },
        ending: if whole { Ending::NothingToDo } else { Ending::Partial },
        steps: vec![],
        set_aside: plan.set_aside.clone(),
        succeeded: 0,
        planned: 0,
        seconds: 0.0,
        next: if whole { purpose.next } else { vec![] },
    });
    if whole { Ok(()) } else { Err(some_set_aside().into()) }
}

fn some_set_aside() -> Problem {
    Problem::new(Class::Partial, "some machines were set aside")
}

/// Returns the plan as a person looks at it; `title` says what it is a plan of.
pub fn shown(plan: &Plan, site: &Arc<Site>, title: &str) -> Result<PlanView> {
    let machines = affected(plan, &site.desired);
    Ok(view(plan, &steps::titles(plan, site)?, machines, title))
}

/// Returns the plan as a person looks at it, in the groups of a launch.
fn view(plan: &Plan, titles: &[String], machines: Affected, title: &str) -> PlanView {
    let mut groups: Vec<PlanGroup> = Vec::new();
    for (step, title) in plan.steps.iter().zip(titles) {
        let planned = PlannedStep {
            number: step.number,
            machine: step.machine.as_ref().map(ToString::to_string),
            title: title.clone(),
            reason: Some(step.reason.clone()),
            disruption: match step.disruption {
                plan::Disruption::None => Disruption::Adds,
                plan::Disruption::Machine => Disruption::Interrupts,
                plan::Disruption::Data => Disruption::Removes,
            },
            certainty: match step.action {
                Action::Prepare
                | Action::Registry
                | Action::RunCommands
                | Action::Hook { .. }
                | Action::Launch { .. }
                | Action::Uninstall { .. } => Certainty::Opaque,
                _ => Certainty::Known,
            },
        };
        let group = group(&step.action);
        match groups.last_mut().filter(|last| last.title == group) {
            Some(last) => last.steps.push(planned),
            None => groups.push(PlanGroup { title: group.to_owned(), steps: vec![planned] }),
        }
    }
    PlanView {
        title: title.to_owned(),
        cluster: plan.cluster.clone(),
        machines,
        set_aside: plan.set_aside.clone(),
        groups,
        files: plan.files.clone(),
        documents: plan.documents.clone(),
    }
}

/// Counts what becomes of the machines.
fn affected(plan: &Plan, desired: &Desired) -> Affected {
    let mut fates: BTreeMap<&MachineName, Fate> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(machine) = &step.machine {
            let fate = fates.entry(machine).or_default();
            *fate = (*fate).max(Fate::of(&step.action));
        }
    }
    let all = plan.steps.iter().any(|step| step.action == Action::RemoveMachines);
    let number = |wanted| fates.values().filter(|fate| **fate == wanted).count();
    let silent =
        plan.set_aside.iter().filter_map(|problem| problem.machine.as_deref()).collect::<BTreeSet<_>>();
    let untouched =
        |spec: &&MachineSpec| !fates.contains_key(&spec.name) && !silent.contains(spec.name.0.as_str());
    let left = desired.cluster.machines.iter().filter(untouched).count();
    Affected {
        joining: number(Fate::Joins),
        changing: number(Fate::Changes),
        leaving: number(Fate::Leaves) + if all { left } else { 0 },
        untouched: if all { 0 } else { left },
    }
}

/// What becomes of a machine; of several, the last counts.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    #[default]
    Changes,
    Leaves,
    /// Also one whose former Node or member goes first.
    Joins,
}

impl Fate {
    fn of(action: &Action) -> Self {
        match action {
            Action::Init | Action::JoinControlPlane | Action::JoinWorker => Self::Joins,
            Action::Drain
            | Action::RemoveEtcdMember
            | Action::DeleteNode
            | Action::Clean
            | Action::Leave
            | Action::RemoveMachine => Self::Leaves,
            _ => Self::Changes,
        }
    }
}

fn group(action: &Action) -> &'static str {
    match action {
        Action::Claim
        | Action::SendLayers { .. }
        | Action::LayOut
        | Action::Endpoints
        | Action::Registry
        | Action::FillRegistry
        | Action::AcceptCredentials
        | Action::Prepare
        | Action::ConfigureKubelet => "machines",
        Action::Init | Action::JoinControlPlane => "control plane",
        Action::PutBack
        | Action::UploadConfiguration { .. }
        | Action::ReconfigureControlPlane { .. }
        | Action::ReconfigureKubelet
        | Action::ReconfigureProxy => "configuration",
        Action::JoinWorker => "workers",
        Action::RunCommands => "commands",
        Action::Hook { .. } => "hooks",
        Action::Launch { .. } | Action::Uninstall { .. } => "applications",
        Action::WithdrawCredentials | Action::AwaitReady | Action::KeepState | Action::Kubeconfig => {
            "cluster"
        }
        Action::ConfigureNode => "nodes",
        Action::Drain
        | Action::RemoveEtcdMember
        | Action::DeleteNode
        | Action::Clean
        | Action::Leave
        | Action::RemoveMachine
        | Action::RemoveMachines
        | Action::ForgetCluster => "removal",
    }
}

/// Tells how the run ended as a whole.
fn ending(context: &Context, site: &Site, plan: &Plan, titles: &[String], report: &Report) -> Ending {
    if report.was_cancelled() {
        return Ending::Interrupted {
            half_done: half_done(plan, titles, report),
            again: context.command_line.clone(),
        };
    }
    let all_well = report.outcomes.iter().all(Outcome::is_success);
    let reached = plan
        .steps
        .iter()
        .zip(&report.outcomes)
        .all(|(step, outcome)| !matters(site, step) || outcome.is_success());
    match (all_well, plan.set_aside.is_empty(), reached) {
        (true, true, _) => Ending::Done,
        (true, false, _) | (false, _, true) => Ending::Partial,
        (false, _, false) => Ending::Failed,
    }
}

/// Returns what was begun when the run was stopped.
fn half_done(plan: &Plan, titles: &[String], report: &Report) -> Vec<HalfDone> {
    let begun = |index: &usize| {
        report.outcomes[*index] == Outcome::Cancelled && report.durations[*index] > Duration::ZERO
    };
    let told = |index: usize| HalfDone {
        machine: plan.steps[index].machine.as_ref().map(ToString::to_string),
        title: titles[index].clone(),
    };
    (0..plan.steps.len()).filter(begun).map(told).collect()
}

fn tell_the_end(
    context: &Context,
    plan: &Plan,
    titles: &[String],
    report: &Report,
    ending: &Ending,
    purpose: Purpose,
) -> Result<(), Problems> {
    let failures = report.problems();
    let machine = |index: usize| plan.steps[index].machine.as_ref().map(|machine| machine.0.clone());
    let problems: Vec<Problem> = plan.set_aside.iter().chain(&failures).cloned().collect();
    let timings = titles.iter().enumerate().filter(|(index, _)| report.durations[*index] > Duration::ZERO);
    let machines: Vec<Option<String>> = (0..plan.steps.len()).map(machine).collect();
    let succeeded =
        report.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done | Outcome::AlreadyDone));
    let failed = Problems::check(failures);
    context.reporter.finished(&Summary {
        what: match ending {
            Ending::Done | Ending::NothingToDo => purpose.achieved,
            _ => purpose.title,
        },
        steps: StepTiming::gather(
            timings
                .map(|(index, title)| (title.as_str(), machines[index].as_deref(), report.durations[index])),
        ),
        set_aside: problems,
        succeeded: succeeded.count(),
        planned: plan.steps.len(),
        seconds: report.duration.as_secs_f64(),
        next: if *ending == Ending::Done { purpose.next } else { vec![] },
        ending: ending.clone(),
    });
    match ending {
        Ending::Interrupted { .. } => Err(Problem::new(Class::Interrupted, "stopped by the operator").into()),
        Ending::Partial => Err(some_set_aside().into()),
        _ => failed,
    }
}

/// Whether a launch is worth nothing without this step. A worker that fails is set aside.
fn matters(site: &Site, step: &plan::PlannedStep) -> bool {
    let machine = step.machine.as_ref().and_then(|name| site.desired.machine(name));
    match step.action {
        Action::Init
        | Action::AwaitReady
        | Action::Launch { .. }
        | Action::Uninstall { .. }
        | Action::PutBack
        | Action::UploadConfiguration { .. }
        | Action::ReconfigureControlPlane { .. }
        | Action::ReconfigureProxy
        | Action::JoinControlPlane => true,
        Action::Hook { .. } | Action::ReconfigureKubelet => {
            machine.is_none_or(|machine| machine.role == Role::ControlPlane)
        }
        _ => false,
    }
}
