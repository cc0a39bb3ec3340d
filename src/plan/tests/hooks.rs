//! Hooks in their place: before what depends on them, once, and on the machines they are for.

use super::*;
use crate::model::{Hook, HookPhase, HookRun, HookScope};
use crate::plan::hooked;

fn hook(phase: HookPhase, on: HookScope) -> Hook {
    let run = HookRun::Shell("true".to_owned());
    Hook { name: phase.name().to_owned(), phase, on: vec![on], run, seconds: 60 }
}

fn number(plan: &Plan, wanted: &Action, machine: &str) -> usize {
    let found = plan
        .steps
        .iter()
        .find(|step| step.action == *wanted && step.machine.as_ref().is_some_and(|name| name.0 == machine));
    found.unwrap_or_else(|| panic!("{wanted:?} on {machine}\n{}", read(plan))).number
}

fn run(phase: HookPhase) -> Action {
    Action::Hook { hook: phase.name().to_owned() }
}

#[test]
fn what_depends_on_a_hook_needs_it() {
    let mut desired = desired(1, 1);
    desired.cluster.hooks = HookPhase::ALL.map(|(_, phase)| hook(phase, HookScope::All)).to_vec();
    desired.hook_places.insert("before-join".to_owned(), "Clusterfile:9:5".to_owned());
    let plan = launch(&desired, &observed(&desired, fresh), None).unwrap();
    let launch = plan.steps.iter().find(|step| matches!(step.action, Action::Launch { .. })).unwrap();
    let needs = |step: usize, other: usize| plan.steps[step - 1].needs.contains(&other);
    for (machine, join) in [("10.0.0.1", Action::Init), ("10.0.0.101", Action::JoinWorker)] {
        let on = |phase| number(&plan, &run(phase), machine);
        let join_of_worker = join == Action::JoinWorker;
        let join = number(&plan, &join, machine);
        assert!(
            needs(number(&plan, &Action::Prepare, machine), on(HookPhase::BeforePrepare)),
            "{}",
            read(&plan)
        );
        assert!(needs(join, on(HookPhase::BeforeJoin)));
        assert!(needs(on(HookPhase::AfterJoin), join));
        assert!(needs(on(HookPhase::BeforeApplications), on(HookPhase::AfterJoin)));
        // A worker whose hook fails is set aside, and the application comes without it.
        let before_launch = on(HookPhase::BeforeApplications);
        let heeded = if join_of_worker { &launch.follows } else { &launch.needs };
        assert!(heeded.contains(&before_launch), "{}", read(&plan));
        assert!(needs(on(HookPhase::AfterInstall), launch.number));
        let wait = plan.steps.iter().find(|step| step.action == Action::AwaitReady).unwrap();
        assert!(wait.follows.contains(&on(HookPhase::AfterInstall)));
        // It sees all that could come.
        let worker = number(&plan, &Action::JoinWorker, "10.0.0.101");
        let after_all = &plan.steps[on(HookPhase::AfterInstall) - 1];
        assert!(after_all.needs.contains(&worker) || after_all.follows.contains(&worker), "{}", read(&plan));
        assert!(plan.steps[on(HookPhase::BeforeJoin) - 1].reason.contains("Clusterfile:9:5"));
    }
    let leaving = plan.steps.iter().any(|step| step.action == run(HookPhase::BeforeClean));
    assert!(!leaving, "nobody leaves: {}", read(&plan));
}

#[test]
fn a_hook_runs_once_and_again_when_it_changes() {
    let mut desired = desired(1, 2);
    let scopes = [HookScope::Workers, HookScope::Machine("10.0.0.1".to_owned())];
    desired.cluster.hooks = vec![Hook { on: scopes.to_vec(), ..hook(HookPhase::AfterJoin, HookScope::All) }];
    desired.cluster.hooks.push(hook(HookPhase::BeforeJoin, HookScope::All));
    let settled = observed(&desired, |spec| member(&desired, spec));
    let plan = launch(&desired, &settled, None).unwrap();
    let planned = plan.steps.iter().filter(|step| step.action == run(HookPhase::AfterJoin)).count();
    assert_eq!(planned, 3, "{}", read(&plan));
    let early = plan.steps.iter().any(|step| step.action == run(HookPhase::BeforeJoin));
    assert!(!early, "all have joined: {}", read(&plan));
    let ran = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        let digest = hooked(&desired, &desired.cluster.hooks[0], spec, &facts);
        facts.holdings.receipts.insert("hook-after-join".to_owned(), Receipt::of(digest));
        facts
    });
    assert!(launch(&desired, &ran, None).unwrap().is_empty());
    desired.cluster.hooks[0].run = HookRun::Shell("false".to_owned());
    assert!(!launch(&desired, &ran, None).unwrap().is_empty());
}

#[test]
fn a_machine_that_leaves_has_its_hooks_around_the_cleaning() {
    let mut desired = desired(1, 1);
    desired.cluster.hooks =
        [HookPhase::BeforeClean, HookPhase::AfterClean].map(|phase| hook(phase, HookScope::Workers)).to_vec();
    let settled = observed(&desired, |spec| member(&desired, spec));
    let all = remove(&desired, &settled, Definition::Forgotten, FailedHooks::Stop);
    let worker = "10.0.0.101";
    for plan in [&all, &{
        let leaves = desired.cluster.machines.pop().unwrap();
        desired.leaving.push(leaves);
        launch(&desired, &settled, None).unwrap()
    }] {
        let on = |action: Action| number(plan, &action, worker);
        let needs = |step: usize, other: usize| plan.steps[step - 1].needs.contains(&other);
        assert!(on(run(HookPhase::BeforeClean)) < on(Action::Clean), "{}", read(plan));
        assert!(needs(on(Action::Leave), on(run(HookPhase::AfterClean))), "{}", read(plan));
        assert!(on(run(HookPhase::AfterClean)) > on(Action::Clean));
    }
}

#[test]
fn nothing_is_cleaned_before_all_hooks_have_run_and_one_that_fails_is_passed_over_only_by_force() {
    let mut desired = desired(3, 1);
    desired.cluster.hooks = vec![hook(HookPhase::BeforeClean, HookScope::FirstControlPlane)];
    let seen = observed(&desired, |spec| member(&desired, spec));
    for failed in [FailedHooks::Stop, FailedHooks::PassOver] {
        let plan = remove(&desired, &seen, Definition::Forgotten, failed);
        let before = number(&plan, &run(HookPhase::BeforeClean), "10.0.0.1");
        let cleans = plan.steps.iter().filter(|step| step.action == Action::Clean);
        for clean in cleans {
            let waits = if failed == FailedHooks::Stop { &clean.needs } else { &clean.follows };
            assert!(waits.contains(&before), "{}", read(&plan));
        }
    }
}

#[test]
fn etcd_is_saved_on_control_planes_alone() {
    let mut desired = desired(1, 1);
    let save = HookRun::EtcdSnapshot("/var/backups".into());
    desired.cluster.hooks = vec![Hook { run: save, ..hook(HookPhase::BeforeClean, HookScope::All) }];
    let seen = observed(&desired, |spec| member(&desired, spec));
    let plan = remove(&desired, &seen, Definition::Forgotten, FailedHooks::Stop);
    let saved = plan.steps.iter().filter(|step| step.action == run(HookPhase::BeforeClean));
    assert_eq!(
        saved.filter_map(|step| step.machine.as_ref()).map(|name| &*name.0).collect::<Vec<_>>(),
        ["10.0.0.1"]
    );
}

#[test]
fn before_a_control_plane_is_cleaned_it_still_has_its_vote() {
    let mut desired = without(&desired(3, 0), &["10.0.0.1"]);
    desired.cluster.hooks = vec![hook(HookPhase::BeforeClean, HookScope::ControlPlanes)];
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    let plan = launch(&desired, &seen, None).unwrap();
    let on = |action: Action| number(&plan, &action, "10.0.0.1");
    let (before, drain) = (on(run(HookPhase::BeforeClean)), on(Action::Drain));
    assert!(plan.steps[drain - 1].needs.contains(&before), "{}", read(&plan));
    assert!(drain < on(Action::RemoveEtcdMember));

    // Where the cleaning has begun it is too late for them, and the machine leaves all the same.
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&desired.leaving[0].name) else { panic!() };
    facts.marker.as_mut().unwrap().intent = crate::model::Intent::Leaving;
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(!plan.steps.iter().any(|step| step.action == run(HookPhase::BeforeClean)), "{}", read(&plan));
    assert!(plan.steps.iter().any(|step| step.action == Action::Leave));
}

#[test]
fn a_machine_that_is_in_is_not_prepared_for_by_a_hook() {
    let mut desired = desired(1, 1);
    desired.cluster.hooks = vec![hook(HookPhase::BeforePrepare, HookScope::All)];
    let settled = observed(&desired, |spec| member(&desired, spec));
    desired.cluster.environment.insert("disk".to_owned(), "b".to_owned());
    let plan = launch(&desired, &settled, None).unwrap();
    assert!(plan.steps.iter().any(|step| step.action == Action::Prepare), "{}", read(&plan));
    assert!(!plan.steps.iter().any(|step| step.action == run(HookPhase::BeforePrepare)), "{}", read(&plan));
}

#[test]
fn hooks_of_the_first_control_plane_do_not_wander_to_one_that_serves_meanwhile() {
    let mut desired = desired(3, 0);
    desired.cluster.hooks = vec![hook(HookPhase::AfterInstall, HookScope::FirstControlPlane)];
    let seen = observed(&desired, |spec| match &*spec.name.0 {
        "10.0.0.1" => fresh(spec),
        _ => member(&desired, spec),
    });
    let plan = launch(&desired, &seen, None).unwrap();
    let hooks = plan.steps.iter().filter(|step| step.action == run(HookPhase::AfterInstall));
    let machines: Vec<_> = hooks.filter_map(|step| step.machine.as_ref()).map(|name| &*name.0).collect();
    assert_eq!(machines, ["10.0.0.1"], "{}", read(&plan));

    // It is silent for a while: its hooks are nobody else's.
    let mut settled = observed(&desired, |spec| member(&desired, spec));
    let silent = Problem::new(Class::Connection, "no route");
    settled.machines.insert(desired.cluster.machines[0].name.clone(), Seen::Unknown(silent));
    let plan = launch(&desired, &settled, None).unwrap();
    assert!(!plan.steps.iter().any(|step| step.action == run(HookPhase::AfterInstall)), "{}", read(&plan));
}
