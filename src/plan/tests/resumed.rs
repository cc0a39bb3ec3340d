//! Runs that were cut off where nothing but the cluster itself can tell that something is missing.

use super::*;
use crate::model::{ApiFacts, Kubeconfig, MachineName};

fn actions(plan: &Plan) -> Vec<&Action> {
    plan.steps.iter().map(|step| &step.action).collect()
}

/// A cluster that is whole, but for what `change` makes of it.
fn changed(change: impl FnOnce(&mut Observed)) -> Plan {
    let desired = desired(1, 1);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    change(&mut seen);
    launch(&desired, &seen, None).unwrap()
}

fn api(seen: &mut Observed) -> &mut ApiFacts {
    let Some(Seen::Known(api)) = &mut seen.api else { panic!("the API answers") };
    api
}

#[test]
fn a_cluster_that_is_not_written_down_is_written_down() {
    for (why, change) in [
        ("it keeps nothing", (|seen| api(seen).definition = None) as fn(&mut Observed)),
        ("it keeps another one", |seen| api(seen).definition = Some(Digest::of("before"))),
        ("it is open to joins", |seen| api(seen).open_to_joins = true),
    ] {
        let plan = changed(change);
        assert_eq!(actions(&plan), [&Action::KeepState, &Action::Kubeconfig], "{why}: {}", read(&plan));
    }
}

#[test]
fn a_kubeconfig_that_leads_nowhere_is_fetched_again() {
    for (found, fetched) in [
        (Kubeconfig::Unseen, false),
        (Kubeconfig::Missing, true),
        (Kubeconfig::LeadsTo("10.0.0.1".to_owned()), false),
        (Kubeconfig::LeadsTo("10.0.0.9".to_owned()), true),
        (Kubeconfig::LeadsTo("api.example.org".to_owned()), false),
    ] {
        let plan = changed(|seen| seen.kubeconfig = found.clone());
        let wanted: &[&Action] = if fetched { &[&Action::Kubeconfig] } else { &[] };
        assert_eq!(actions(&plan), wanted, "{found:?}: {}", read(&plan));
    }
}

#[test]
fn nothing_is_written_down_where_no_api_answers() {
    let plan = changed(|seen| seen.kubeconfig = Kubeconfig::LeadsTo("10.0.0.1".to_owned()));
    assert!(plan.is_empty());
    let desired = desired(1, 0);
    let plan = launch(&desired, &observed(&desired, fresh), None).unwrap();
    let writes = |step: &&PlannedStep| step.action == Action::KeepState;
    let written = plan.steps.iter().find(writes).unwrap();
    assert!(!written.needs.is_empty(), "it comes when there is a cluster: {}", read(&plan));
}

/// The API answers long before `kubeadm init` is done: what comes after that is missing, and no CA is written down yet.
#[test]
fn an_init_that_was_cut_off_when_the_api_answered_is_brought_to_its_end() {
    let desired = desired(3, 1);
    let seen = observed(&desired, |spec| match spec.name.0.as_str() {
        "10.0.0.2" => {
            let mut facts = member(&desired, spec);
            facts.marker.as_mut().unwrap().authority = None;
            facts
        }
        _ => ready_to_join(&desired, spec),
    });
    let plan = launch(&desired, &seen, None).unwrap();
    let inits: Vec<&PlannedStep> = plan.steps.iter().filter(|step| step.action == Action::Init).collect();
    assert_eq!(inits.len(), 1, "{}", read(&plan));
    assert_eq!(inits[0].machine.as_ref().unwrap().0, "10.0.0.2");
    for join in
        plan.steps.iter().filter(|step| matches!(step.action, Action::JoinControlPlane | Action::JoinWorker))
    {
        assert!(join.needs.contains(&inits[0].number), "{}", read(&plan));
    }
    let known = launch(&desired, &seen, Some(&Digest::of("ca"))).unwrap();
    assert!(actions(&known).iter().all(|action| **action != Action::Init), "{}", read(&known));
}

#[test]
fn an_init_that_was_cut_off_before_goes_on_where_it_was() {
    let desired = desired(3, 0);
    let seen = observed(&desired, |spec| {
        let mut facts = ready_to_join(&desired, spec);
        facts.authority = (spec.name.0 == "10.0.0.3").then(|| Digest::of("ca"));
        facts
    });
    let plan = launch(&desired, &seen, None).unwrap();
    let init = plan.steps.iter().find(|step| step.action == Action::Init).unwrap();
    assert_eq!(init.machine.as_ref().unwrap().0, "10.0.0.3", "{}", read(&plan));
}

#[test]
fn a_join_that_was_cut_off_before_its_last_phase_is_brought_to_its_end() {
    let desired = desired(3, 1);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    let node = api(&mut seen).nodes.iter_mut().find(|node| node.name == "node-10-0-0-2").unwrap();
    node.control_plane = false;
    let plan = launch(&desired, &seen, None).unwrap();
    let joins: Vec<&PlannedStep> =
        plan.steps.iter().filter(|step| step.action == Action::JoinControlPlane).collect();
    assert_eq!(joins.len(), 1, "{}", read(&plan));
    assert_eq!(joins[0].machine.as_ref().unwrap().0, "10.0.0.2");
}

/// The rest of its join gives it its vote, so the one that it takes the place of may leave.
#[test]
fn a_control_plane_that_still_learns_takes_the_place_of_the_last_one() {
    let desired = without(&desired(2, 0), &["10.0.0.1"]);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    let learner = api(&mut seen).etcd.iter_mut().find(|member| member.name == "node-10-0-0-2").unwrap();
    learner.learner = true;
    let node = api(&mut seen).nodes.iter_mut().find(|node| node.name == "node-10-0-0-2").unwrap();
    node.control_plane = false;
    let plan = launch(&desired, &seen, None).unwrap();
    let step = |action| plan.steps.iter().find(|step| step.action == action).unwrap();
    let (join, goes) = (step(Action::JoinControlPlane), step(Action::RemoveEtcdMember));
    let of = |step: &PlannedStep| step.machine.as_ref().unwrap().0.clone();
    assert_eq!((of(join), of(goes)), ("10.0.0.2".to_owned(), "10.0.0.1".to_owned()), "{}", read(&plan));
    assert!(join.number < goes.number, "{}", read(&plan));
}

#[test]
fn who_would_have_a_vote_and_is_silent_is_told_of() {
    let desired = without(&desired(2, 0), &["10.0.0.1"]);
    let silence = |seen: &mut Observed, name: &str| {
        let problem = Problem::new(Class::Connection, "no answer").on(name);
        seen.machines.insert(MachineName(name.to_owned()), Seen::Unknown(problem));
    };
    let refused = |silent: &str| {
        let mut seen = observed(&desired, |spec| match spec.name.0.as_str() {
            "10.0.0.1" => member(&desired, spec),
            _ => fresh(spec),
        });
        silence(&mut seen, silent);
        if silent == "10.0.0.1" {
            seen.api = None;
        }
        launch(&desired, &seen, Some(&Digest::of("ca"))).unwrap_err().as_one()
    };
    for (silent, class) in [("10.0.0.1", Class::Kubernetes), ("10.0.0.2", Class::Quorum)] {
        let problem = refused(silent);
        assert_eq!(problem.class, class, "{problem}");
        assert!(problem.seen.iter().any(|line| line.contains(silent)), "{problem}");
    }
}
