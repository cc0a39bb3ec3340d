//! Who takes part in a plan and as what: who stays, who leaves, who is dead, who is set aside; and what is refused then.

use super::consents::Consents;
use super::situation::{Possession, Situation, Standing};
use super::step::PlanBuilder;
use crate::error::{Class, Problem, Problems};
use crate::model::{EtcdMember, MachineSpec, Role};
use crate::quorum::Votes;

/// The machines of a plan. Those that do not answer are in it only if they leave.
pub(super) struct Roster<'a> {
    /// The control plane that runs applications' commands, and that makes the cluster if there is none.
    pub(super) first: Standing<'a>,
    /// The control planes that stay, the first among them.
    pub(super) control_planes: Vec<Standing<'a>>,
    /// The workers that stay.
    pub(super) workers: Vec<Standing<'a>>,
    /// Machines that are to join where a dead one was.
    pub(super) renewed: Vec<Standing<'a>>,
    /// Machines that leave and do not answer, or whose etcd does not.
    pub(super) dead: Vec<Standing<'a>>,
    /// Healthy control planes that leave.
    pub(super) leaving_control_planes: Vec<Standing<'a>>,
    /// Workers that leave.
    pub(super) leaving_workers: Vec<Standing<'a>>,
}

impl<'a> Roster<'a> {
    /// Returns who stays, the first of the control planes at the head.
    pub(super) fn staying(&self) -> impl Iterator<Item = &Standing<'a>> {
        let others = self.control_planes.iter().filter(|machine| machine.spec.name != self.first.spec.name);
        std::iter::once(&self.first).chain(others).chain(&self.workers)
    }

    /// Sorts the machines. Who stays and does not answer is set aside in `plan`.
    ///
    /// # Errors
    /// All that is refused before anything is touched.
    pub(super) fn call(
        now: &Situation<'a>,
        consents: &Consents,
        plan: &mut PlanBuilder,
    ) -> Result<Self, Problems> {
        let mut problems = role_changes(now);
        let (leaving, unagreed) = leaving(now, consents);
        problems.extend(unagreed);
        let (mut control_planes, workers) = staying(now, plan, &mut problems);
        Problems::check(problems)?;

        let (dead, living): (Vec<_>, Vec<_>) =
            leaving.into_iter().partition(|machine| machine.facts.is_none() || machine.is_dead_member());
        let (leaving_control_planes, leaving_workers): (Vec<_>, Vec<_>) =
            living.into_iter().partition(|machine| machine.spec.role == Role::ControlPlane);
        let renewed = control_planes.iter().chain(&workers).filter(|machine| is_renewed(machine));
        let renewed: Vec<_> = renewed.copied().collect();

        let mut problems = Vec::new();
        let mut ballot = Ballot::of(now);
        for machine in dead.iter().chain(&renewed) {
            problems.extend(ballot.leave(machine));
        }
        problems.extend(ballot.join(&mut control_planes, plan));
        for machine in &leaving_control_planes {
            problems.extend(ballot.leave(machine));
        }
        let problems = problems.into_iter().map(|problem| beside_the_silent(now, problem));
        Problems::check(problems.collect())?;
        let first = first(now, &control_planes)?;
        Ok(Self { first, control_planes, workers, renewed, dead, leaving_control_planes, leaving_workers })
    }
}

/// The votes in etcd while the plan goes on.
struct Ballot<'a> {
    /// etcd's list; `None` where it could not be had, or there is no etcd yet.
    members: Option<&'a [EtcdMember]>,
    votes: Votes,
    /// Whether there is an API, and so an etcd.
    exists: bool,
}

impl<'a> Ballot<'a> {
    fn of(now: &Situation<'a>) -> Self {
        let members = now.etcd();
        Self { members, votes: Votes::of(members.unwrap_or_default()), exists: now.api().is_some() }
    }

    /// Takes the vote of a machine out.
    fn leave(&mut self, machine: &Standing<'_>) -> Option<Problem> {
        if self.members.is_none() {
            let votes = self.exists && machine.spec.role == Role::ControlPlane && machine.node.is_some();
            return votes.then(|| unlisted().on(&machine.spec.name));
        }
        match self.votes.clone().without(machine.member?) {
            Ok(votes) => self.votes = votes,
            Err(problem) => return Some(problem.on(&machine.spec.name)),
        }
        None
    }

    /// Adds the votes of those that join. Who cannot is set aside, unless nobody is there who could go on without.
    fn join(&mut self, control_planes: &mut Vec<Standing<'a>>, plan: &mut PlanBuilder) -> Option<Problem> {
        self.members?;
        for machine in control_planes.iter().filter(|machine| machine.had_joined()) {
            if let Some(member) = machine.member {
                self.votes = self.votes.clone().with_answer_of(member);
            }
        }
        let mut refused = Vec::new();
        // Who still learns, since its join was cut off, gets its vote with the rest of it.
        let votes = |member: &EtcdMember| !member.learner;
        control_planes.retain(|machine| {
            if machine.had_joined() && machine.member.is_some_and(votes) {
                return true;
            }
            match self.votes.clone().with(&machine.spec.name.0) {
                Ok(votes) => self.votes = votes,
                Err(problem) => refused.push(problem.on(&machine.spec.name)),
            }
            refused.last().is_none_or(|problem| problem.machine.as_ref() != Some(&machine.spec.name.0))
        });
        if control_planes.is_empty() {
            return refused.pop();
        }
        for problem in refused {
            plan.set_aside(problem);
        }
        None
    }
}

/// Adds the control planes whose votes might have made it otherwise, and why these do not count.
fn beside_the_silent(now: &Situation<'_>, problem: Problem) -> Problem {
    let silent = now.desired.control_planes().filter(|spec| now.of(spec).facts.is_none());
    silent.fold(problem, |problem, spec| problem.saw(now.silence(spec)))
}

fn unlisted() -> Problem {
    Problem::new(Class::Kubernetes, "it cannot leave, since the list of etcd's members could not be had")
        .during("quorum")
        .remedy("look at the etcd pods in kube-system and at `journalctl -u kubelet`; the same command can be run again")
}

/// A machine that is fresh where a dead one was.
fn is_renewed(machine: &Standing<'_>) -> bool {
    !machine.had_joined() && (machine.former_node.is_some() || machine.is_dead_member())
}

/// Sorts who stays by role. Who does not answer is set aside; a new cluster is only made of control planes that all
/// answer, since one of them might have it already.
fn staying<'a>(
    now: &Situation<'a>,
    plan: &mut PlanBuilder,
    problems: &mut Vec<Problem>,
) -> (Vec<Standing<'a>>, Vec<Standing<'a>>) {
    let (mut control_planes, mut workers) = (Vec::new(), Vec::new());
    for spec in &now.desired.cluster.machines {
        let machine = now.of(spec);
        match (machine.facts, spec.role) {
            (None, Role::ControlPlane) if !now.exists() => problems.push(now.silence(spec)),
            (None, _) => plan.set_aside(now.silence(spec)),
            (Some(_), Role::ControlPlane) => control_planes.push(machine),
            (Some(_), Role::Worker) => workers.push(machine),
        }
    }
    (control_planes, workers)
}

/// Returns a control plane that serves already, else the one whose making was cut off, else the first that answers.
fn first<'a>(now: &Situation<'a>, control_planes: &[Standing<'a>]) -> Result<Standing<'a>, Problems> {
    let serves = |machine: &&Standing<'_>| machine.facts.is_some_and(|facts| facts.api_ready);
    let was_begun = |machine: &&Standing<'_>| machine.facts.is_some_and(|facts| facts.authority.is_some());
    let begun = || control_planes.iter().find(was_begun);
    if let Some(machine) = control_planes.iter().find(serves).or_else(begun).or(control_planes.first()) {
        return Ok(*machine);
    }
    let silent: Vec<Problem> = now.desired.control_planes().map(|spec| now.silence(spec)).collect();
    Problems::check(silent)?;
    Err(Problem::new(Class::Usage, "a cluster needs a control plane")
        .remedy("name one with --masters")
        .into())
}

/// Returns who leaves, and what the operator has not agreed to.
fn leaving<'a>(now: &Situation<'a>, consents: &Consents) -> (Vec<Standing<'a>>, Vec<Problem>) {
    let leaving: Vec<Standing<'a>> = now.leaving().into_iter().map(|spec| now.of(spec)).collect();
    let unagreed = leaving.iter().filter(|machine| !consents.give_up.contains(&machine.spec.name));
    let problems = unagreed.filter_map(|machine| match now.possession(machine) {
        Possession::Unknown => Some(not_given_up(now, machine)),
        Possession::Unmarked => Some(unmarked(machine.spec)),
        Possession::Ours | Possession::Gone => None,
    });
    let problems = problems.collect();
    (leaving, problems)
}

fn not_given_up(now: &Situation<'_>, machine: &Standing<'_>) -> Problem {
    let name = &machine.spec.name;
    let problem = Problem::new(Class::Refused, "it is to leave, but does not answer").on(name);
    let problem = now.silence(machine.spec).seen.iter().fold(problem, Problem::saw);
    let cost = match machine.spec.role {
        Role::Worker => "what only its disks hold is lost to the cluster",
        Role::ControlPlane => "its copy of etcd and what only its disks hold are lost to the cluster",
    };
    problem
        .remedy("start it and run the same command again: it is then drained and cleaned as it should be")
        .remedy(format!(
            "or give it up with --force: {cost}, and it is not cleaned, so it must not come back as it is"
        ))
}

fn unmarked(spec: &MachineSpec) -> Problem {
    Problem::new(Class::Refused, "it is a member of this cluster, but nothing on it says that sealift made it one")
        .on(&spec.name)
        .saw("/var/lib/sealift/machine.json is missing")
        .remedy("give it up with --force: it is taken out of the cluster and not touched itself; `kubeadm reset` there cleans it")
}

/// A machine's role is part of what it is made of, so it is not changed in place.
fn role_changes(now: &Situation<'_>) -> Vec<Problem> {
    let changes = now.desired.cluster.machines.iter().filter_map(|spec| {
        let former = now.of(spec).former_role().filter(|role| *role != spec.role)?;
        Some(
            Problem::new(
                Class::Refused,
                format!("it is a {former} and cannot become a {} in place", spec.role),
            )
            .on(&spec.name)
            .remedy("take it out of the definition, run the same command, then add it again in its new role"),
        )
    });
    changes.collect()
}
