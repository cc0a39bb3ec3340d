//! The order of a cluster's life. [`apply`] is the one place to read it.

use std::collections::HashMap;

use super::applications;
use super::configuration;
use super::consents::Consents;
use super::credentials;
use super::departure::{Departure, depart, forget_former};
use super::desired::Desired;
use super::hooks;
use super::layers::Duty;
use super::lost;
use super::preparation::{Before, Telling, prepare, tell};
use super::progress;
use super::reconfigure::Reconfiguration;
use super::roster::Roster;
use super::situation::{Situation, Standing};
use super::step::{Action, Plan, PlanBuilder};
use crate::error::Problems;
use crate::model::HookPhase::{AfterInstall, AfterJoin, BeforeApplications, BeforeJoin};
use crate::model::{Digest, ImageContract, MachineSpec, Observed, Role};

/// Plans what is still to do until the cluster is as desired: the difference between `desired` and `observed`. Nothing
/// to do gives an empty plan. `authority` is the cluster's CA as far as the operator knows one.
///
/// What is dead goes out first, then others join, then the healthy leave that are not wanted any more. Machines that stay
/// and do not answer are set aside, and the rest is planned.
///
/// # Errors
/// All that is refused before anything is touched: a machine that leaves and does not answer, unless that is agreed to; a
/// change that would lose etcd's quorum; a change of a machine's role; and a cluster that exists, but whose API does not
/// answer: a new one is never made over it.
pub fn apply(
    desired: &Desired,
    observed: &Observed,
    authority: Option<&Digest>,
    consents: &Consents,
) -> Result<Plan, Problems> {
    let now = Situation::new(desired, observed, authority);
    let mut plan = PlanBuilder::new(desired, observed);
    if now.exists() && now.api().is_none() {
        return lost::apply(&now, consents, plan);
    }
    let roster = Roster::call(&now, consents, &mut plan)?;
    let reconfiguration = Reconfiguration::of(&now, &roster)?;
    plan.documents(reconfiguration.changes());
    let first = roster.first.spec;
    // Whoever serves just now: hooks that are for the first control plane do not wander, and wait for it while it is silent.
    let head = desired.control_planes().next().map_or(&first.name, |machine| &machine.name);

    // 1. The dead go first: etcd misses their votes and takes no new member until they are out.
    let mut departures = Vec::new();
    let mut buried = None;
    for machine in &roster.dead {
        let departure = depart(&mut plan, &now, machine, buried);
        buried = departure.vote.or(buried);
        departures.extend(departure.last);
    }
    let mut cleared = HashMap::new();
    for machine in &roster.renewed {
        let departure = forget_former(&mut plan, machine, buried);
        buried = departure.vote.or(buried);
        cleared.insert(&machine.spec.name, departure.last);
    }

    // 2. Every machine is made ours and ready, all at once; but what an image's init fetches comes from the first
    //    control plane's registry, and control planes that serve are interrupted one after the other.
    let unlaunched: Vec<_> =
        desired.applications().filter(|image| !applications::is_launched(&now, image)).collect();
    let parting = applications::parting(&now);
    let handover =
        !roster.leaving_control_planes.is_empty() && !roster.control_planes.iter().any(Standing::is_member);
    let mut ready = HashMap::new();
    let accepted = credentials::accept(&mut plan, &now, &roster);
    let filling = progress::lacks_images(&now).then_some(&first.name);
    let mut before = Before { first: head, registry: None, filling, accepted, interruption: None };
    for machine in roster.staying() {
        let Some(facts) = machine.facts else { continue };
        let commands = machine.spec.name == first.name && !(unlaunched.is_empty() && parting.is_empty());
        let duty = if commands { Duty::CommandingControlPlane } else { Duty::of(machine.spec.role) };
        let telling = if handover && machine.had_joined() { Telling::Later } else { Telling::Now };
        let steps = prepare(&mut plan, desired, machine, facts, duty, telling, before);
        if machine.spec.name == first.name {
            before.registry = steps.registry;
        }
        if machine.spec.role == Role::ControlPlane {
            before.interruption = steps.interruption.or(before.interruption);
        }
        ready.insert(&machine.spec.name, steps.last);
    }
    // What joins is configured by the cluster's own copy.
    let upload = reconfiguration.upload(&mut plan, ready.get(&first.name).copied().flatten());
    let prepared = |machine: &Standing<'_>| {
        let steps = [ready.get(&machine.spec.name), cleared.get(&machine.spec.name)];
        steps.into_iter().flatten().copied().flatten().chain(upload).collect::<Vec<usize>>()
    };

    // 3. The first control plane makes the cluster, or joins one whose control planes all leave.
    let mut joins = HashMap::new();
    let mut made = ready.get(&first.name).copied().flatten();
    if !roster.first.is_member() || !now.is_made() {
        let needs: Vec<usize> = prepared(&roster.first).into_iter().chain(buried).collect();
        let hooks = hooks::due(&mut plan, desired, &roster.first, head, BeforeJoin, needs.clone());
        let needs = needs.into_iter().chain(hooks);
        let (action, reason) = if now.is_made() {
            (Action::JoinControlPlane, progress::why_join(&roster.first))
        } else if now.exists() {
            (Action::Init, "its API answers, but the rest of its making was cut off")
        } else {
            (Action::Init, "no control plane knows a cluster yet")
        };
        let step = plan.add(Some(&first.name), action, reason, needs);
        joins.insert(&first.name, step);
        made = Some(step);
    }

    // 4. The other control planes join one after the other: etcd takes one new member at a time.
    let mut last_control_plane = made;
    let others = roster.control_planes.iter().filter(|machine| machine.spec.name != first.name);
    for machine in others.filter(|machine| !machine.is_member()) {
        let hooks = hooks::due(&mut plan, desired, machine, head, BeforeJoin, prepared(machine));
        let needs =
            prepared(machine).into_iter().chain(made).chain(last_control_plane).chain(buried).chain(hooks);
        let reason = progress::why_join(machine);
        let join = plan.add(Some(&machine.spec.name), Action::JoinControlPlane, reason, needs);
        last_control_plane = Some(join);
        joins.insert(&machine.spec.name, join);
    }

    // 5. Workers join side by side. One that fails is set aside.
    let mut new_workers = Vec::new();
    for machine in roster.workers.iter().filter(|machine| !machine.is_member()) {
        let hooks = hooks::due(&mut plan, desired, machine, head, BeforeJoin, prepared(machine));
        let needs = prepared(machine).into_iter().chain(made).chain(hooks);
        let join = plan.add(Some(&machine.spec.name), Action::JoinWorker, progress::why_join(machine), needs);
        new_workers.push(join);
        joins.insert(&machine.spec.name, join);
    }

    // What runs already is configured anew, control planes one after the other when those are in that join.
    let quiet: Vec<usize> = last_control_plane.into_iter().chain(buried).chain(before.interruption).collect();
    let joined = |spec: &MachineSpec| joins.get(&spec.name).copied();
    let reconfigured = reconfiguration.take_up(&mut plan, &roster, upload, joined, &quiet);

    // 6. Nodes get the labels and taints that are wished.
    let mut configured = Vec::new();
    for machine in roster.staying() {
        if let Some(reason) = configuration::why_configure(machine) {
            let joined = joins.get(&machine.spec.name).copied();
            let step = plan.add(Some(&machine.spec.name), Action::ConfigureNode, reason, joined);
            if configuration::evicts(machine) {
                plan.interrupts(step);
            }
            configured.push(step);
        }
    }

    // Hooks may want to see the machine in.
    let mut greeted = HashMap::new();
    for machine in roster.staying() {
        let joined = joins.get(&machine.spec.name).copied();
        let hooks = hooks::due(&mut plan, desired, machine, head, AfterJoin, joined);
        greeted.extend(hooks.map(|hook| (&machine.spec.name, hook)));
    }
    let mut hooked: Vec<usize> = greeted.values().copied().chain(reconfigured.iter().copied()).collect();

    // 7. What the rootfs has to say once there is a cluster runs on every machine that is in.
    let mut ran = Vec::new();
    for machine in roster.staying().filter(|machine| progress::lacks_commands(&now, machine)) {
        let joined = joins.get(&machine.spec.name).copied();
        let needs = made.into_iter().chain(last_control_plane).chain(joined);
        ran.push(plan.add(
            Some(&machine.spec.name),
            Action::RunCommands,
            "the rootfs image's commands have no receipt here",
            needs,
        ));
    }

    // 8. Applications that are not wanted any more are taken off, the last one first; the others are launched one after the
    //    other, as soon as there is an API.
    //    They need the hooks before them on control planes; a worker whose hook fails is set aside like one that does not join.
    let (mut awaited, mut heeded) = (Vec::new(), Vec::new());
    for machine in roster.staying() {
        let joined = joins.get(&machine.spec.name).copied();
        let own = greeted.get(&machine.spec.name).copied();
        let needs = made.into_iter().chain(last_control_plane).chain(joined).chain(own);
        let begin = plan.len() + 1;
        if let Some(end) = hooks::due(&mut plan, desired, machine, head, BeforeApplications, needs) {
            plan.follow(Some(begin), hooked.iter().copied());
            if machine.spec.role == Role::ControlPlane { awaited.push(end) } else { heeded.push(end) }
        }
    }
    let mut uninstalled = None;
    let mut launched = None;
    let (replaced, dropped): (Vec<&ImageContract>, Vec<&ImageContract>) =
        parting.iter().rev().partition(|image| applications::successor(desired, image).is_some());
    for image in dropped {
        uninstalled = Some(uninstall(&mut plan, desired, first, image, made, uninstalled));
    }
    for image in unlaunched {
        let action = Action::Launch { image: image.name.clone() };
        let needs = made.into_iter().chain(launched).chain(awaited.iter().copied());
        let launch = plan.add(Some(&first.name), action, applications::why_launch(&now, image), needs);
        plan.follow(Some(launch), ran.iter().copied().chain(uninstalled).chain(heeded.iter().copied()));
        launched = Some(launch);
    }
    for image in replaced {
        uninstalled =
            Some(uninstall(&mut plan, desired, first, image, made.into_iter().chain(launched), uninstalled));
    }

    hooked.append(&mut awaited);
    hooked.append(&mut heeded);
    // What comes after all sees every machine that could come, and does not wait for ever for one that could not.
    for machine in roster.staying() {
        let joined = joins.get(&machine.spec.name).copied();
        let needs = made.into_iter().chain(launched).chain(joined);
        let begin = plan.len() + 1;
        if let Some(end) = hooks::due(&mut plan, desired, machine, head, AfterInstall, needs) {
            plan.follow(Some(begin), joins.values().chain(&ran).copied().chain(uninstalled));
            hooked.push(end);
        }
    }

    // 9. Control planes leave one after the other, when care everywhere knows those that stay; a worker leaves when one
    //    that takes its place is in.
    let mut told: Vec<usize> = ready.values().copied().flatten().chain(reconfigured).collect();
    if handover {
        let members = roster.staying().filter(|machine| machine.had_joined());
        let tell_it = |machine: &Standing<'_>| tell(&mut plan, desired, machine, machine.facts?, made);
        told.extend(members.filter_map(tell_it));
    }
    let mut last_to_leave = Departure::default();
    for machine in &roster.leaving_control_planes {
        let needs = last_control_plane.into_iter().chain(buried).chain(last_to_leave.vote);
        let departure = depart(&mut plan, &now, machine, needs);
        plan.follow(departure.first, told.drain(..).chain(last_to_leave.last));
        departures.extend(departure.last);
        last_to_leave = departure.or(last_to_leave);
    }
    for (place, machine) in roster.leaving_workers.iter().enumerate() {
        let needs = new_workers.get(place).copied().or(made);
        departures.extend(depart(&mut plan, &now, machine, needs).last);
    }

    let used = ready
        .values()
        .copied()
        .flatten()
        .chain(joins.values().copied())
        .chain(launched)
        .chain(ran.iter().copied())
        .chain(departures.iter().copied());
    let withdrawn = credentials::withdraw(&mut plan, &now, &roster, used.chain(accepted));

    // 10. Nodes and system pods become Ready, the cluster is written down, and the operator gets the key.
    // What lets machines in ends with the writing down, also where an application failed and nothing is waited for.
    let came: Vec<usize> = joins.values().copied().collect();
    let unsettled = plan.interferes() || !progress::all_ready(&now, &roster);
    let wait = unsettled.then(|| {
        let needs = made.into_iter().chain(last_control_plane).chain(launched);
        let wait = plan.add(None, Action::AwaitReady, "it ends when everything is Ready", needs);
        let settled = joins.into_values().chain(ran).chain(hooked).chain(ready.into_values().flatten());
        let settled = settled.chain(uninstalled);
        plan.follow(Some(wait), settled.chain(departures.iter().copied()));
        wait
    });
    let settled: Vec<usize> = wait.into_iter().chain(configured).chain(departures).chain(withdrawn).collect();
    let unwritten = progress::why_keep(&now);
    if !plan.is_empty() || unwritten.is_some() {
        let reason = unwritten.unwrap_or("any machine may be lost later");
        let kept = plan.add(None, Action::KeepState, reason, made);
        plan.follow(Some(kept), settled.iter().copied().chain(came));
    }
    if !plan.is_empty() || progress::lacks_kubeconfig(&now) {
        let key = plan.add(None, Action::Kubeconfig, "it is what the operator goes on with", made);
        plan.follow(Some(key), settled);
    }
    Ok(plan.finish())
}

/// Plans that an application is taken off, after `before`, however that ended.
fn uninstall(
    plan: &mut PlanBuilder,
    desired: &Desired,
    first: &MachineSpec,
    image: &ImageContract,
    needs: impl IntoIterator<Item = usize>,
    before: Option<usize>,
) -> usize {
    let action = Action::Uninstall { image: image.name.clone() };
    let step = plan.add(Some(&first.name), action, applications::why_uninstall(desired, image), needs);
    plan.follow(Some(step), before);
    step
}
