//! Plans while the registries' credentials change.

use super::*;
use crate::model::{MachineName, RegistryUser};

/// Returns the wish for other credentials than those of `before`.
fn changing(before: &Desired) -> Desired {
    let mut after = before.clone();
    let RegistryAccess { username, password, .. } = before.registry.clone();
    after.registry.username = "other".to_owned();
    after.registry.password = "0therSecret".to_owned();
    after.registry.former = Some(RegistryUser { username, password });
    after
}

fn silence(seen: &mut Observed, name: &str) {
    let silent = Problem::new(Class::Connection, "it does not answer");
    seen.machines.insert(MachineName(name.to_owned()), Seen::Unknown(silent));
}

fn has(plan: &Plan, action: &Action) -> bool {
    plan.steps.iter().any(|step| step.action == *action)
}

#[test]
fn registries_take_both_before_any_machine_changes_and_one_after_all_have() {
    let before = desired(2, 1);
    let seen = observed(&before, |spec| member(&before, spec));
    insta::assert_snapshot!(read(&launch(&changing(&before), &seen, Some(&Digest::of("ca"))).unwrap()));
}

#[test]
fn the_former_ones_stay_while_a_machine_is_silent_and_nothing_is_done_twice() {
    let before = desired(1, 2);
    let after = changing(&before);
    let mut seen = observed(&before, |spec| member(&before, spec));
    silence(&mut seen, "10.0.0.102");
    let plan = launch(&after, &seen, Some(&Digest::of("ca"))).unwrap();
    assert!(
        has(&plan, &Action::AcceptCredentials) && !has(&plan, &Action::WithdrawCredentials),
        "{}",
        read(&plan)
    );

    let mut seen = observed(&after, |spec| member(&after, spec));
    silence(&mut seen, "10.0.0.102");
    let plan = launch(&after, &seen, Some(&Digest::of("ca"))).unwrap();
    assert!(plan.is_empty() && plan.set_aside.len() == 1, "{}", read(&plan));
}

#[test]
fn a_change_that_was_cut_off_before_its_end_is_brought_there() {
    let after = changing(&desired(1, 1));
    let seen = observed(&after, |spec| member(&after, spec));
    let plan = launch(&after, &seen, Some(&Digest::of("ca"))).unwrap();
    assert_eq!(plan.steps[0].action, Action::WithdrawCredentials, "{}", read(&plan));
    assert!(plan.machines().is_empty() && has(&plan, &Action::KeepState), "{}", read(&plan));
}

#[test]
fn registries_that_leave_take_both_as_long_as_they_are_ours() {
    let all = desired(4, 0);
    let mut after = changing(&desired(1, 0));
    after.leaving = all.cluster.machines[1..].to_vec();
    let mut seen = observed(&all, |spec| member(&all, spec));
    silence(&mut seen, "10.0.0.3");
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&MachineName("10.0.0.4".to_owned())) else {
        panic!()
    };
    facts.marker.as_mut().unwrap().cluster = "another".to_owned();
    let authority = Digest::of("ca");
    let serving = serving_registries(&after, &seen, Some(&authority));
    let names: Vec<&str> = serving.iter().map(|machine| machine.name.0.as_str()).collect();
    assert_eq!(names, ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn a_plan_tells_no_credentials() {
    let before = desired(1, 1);
    let seen = observed(&before, |spec| member(&before, spec));
    let after = changing(&before);
    let plan = launch(&after, &seen, Some(&Digest::of("ca"))).unwrap();
    let told = serde_json::to_string(&plan).unwrap();
    for secret in [&before.registry.password, &after.registry.password] {
        assert!(!told.contains(secret.as_str()), "{told}");
    }
}
