//! Plans of the changes that a cluster sees in its life, as a person would read them.

use std::collections::BTreeMap;

use super::super::testing::*;
use super::super::*;
use super::read;
use crate::error::{Class, Problem, Problems};
use crate::model::*;

/// Plans with nobody's consent.
fn plan(desired: &Desired, seen: &Observed) -> Plan {
    planned(desired, seen, &Consents::default()).unwrap()
}

fn planned(desired: &Desired, seen: &Observed, consents: &Consents) -> Result<Plan, Problems> {
    apply(desired, seen, Some(&Digest::of("ca")), consents)
}

fn give_up(names: &[&str]) -> Consents {
    let give_up = names.iter().map(|name| MachineName((*name).to_owned())).collect();
    Consents { give_up, ..Consents::default() }
}

/// A cluster whose machines are all members; those that are named last are still fresh.
fn grown(desired: &Desired, fresh_ones: &[&str]) -> Observed {
    let mut before = desired.clone();
    before.cluster.machines.retain(|spec| !fresh_ones.contains(&spec.name.0.as_str()));
    before.cluster.machines.extend(desired.leaving.clone());
    before.leaving.clear();
    observed(desired, |spec| {
        if fresh_ones.contains(&spec.name.0.as_str()) { fresh(spec) } else { member(&before, spec) }
    })
}

fn silence(seen: &mut Observed, name: &str) {
    let problem = Problem::new(Class::Connection, "it does not answer").saw("no route to host");
    seen.machines.insert(MachineName(name.to_owned()), Seen::Unknown(problem));
    let address: std::net::IpAddr = name.parse().unwrap();
    let Some(Seen::Known(api)) = &mut seen.api else { return };
    for node in api.nodes.iter_mut().filter(|node| node.addresses.contains(&address)) {
        node.ready = false;
    }
    for member in &mut api.etcd {
        member.healthy &= member.peer_urls != [format!("https://{name}:2380")];
    }
}

fn only<'a>(problems: &'a Problems, class: Class, machine: &str) -> &'a Problem {
    let [problem] = problems.list() else { panic!("{problems:?}") };
    assert_eq!((problem.class, problem.machine.as_deref()), (class, Some(machine)), "{problem}");
    assert!(!problem.remedies.is_empty(), "{problem}");
    problem
}

fn actions_on<'a>(plan: &'a Plan, machine: &str) -> Vec<&'a Action> {
    let on = |step: &&PlannedStep| step.machine.as_ref().is_some_and(|name| name.0 == machine);
    plan.steps.iter().filter(on).map(|step| &step.action).collect()
}

#[test]
fn from_one_worker_to_three() {
    let desired = desired(1, 3);
    let seen = grown(&desired, &["10.0.0.102", "10.0.0.103"]);
    insta::assert_snapshot!(read(&plan(&desired, &seen)));
}

#[test]
fn from_one_control_plane_to_three() {
    let desired = desired(3, 1);
    let seen = grown(&desired, &["10.0.0.2", "10.0.0.3"]);
    insta::assert_snapshot!(read(&plan(&desired, &seen)));
}

#[test]
fn the_first_control_plane_is_replaced() {
    let desired = without(&desired(4, 1), &["10.0.0.1"]);
    let seen = grown(&desired, &["10.0.0.4"]);
    insta::assert_snapshot!(read(&plan(&desired, &seen)));
}

#[test]
fn the_only_control_plane_is_replaced() {
    let desired = without(&desired(2, 1), &["10.0.0.1"]);
    let seen = grown(&desired, &["10.0.0.2"]);
    insta::assert_snapshot!(read(&plan(&desired, &seen)));
}

#[test]
fn from_three_control_planes_and_workers_to_one_worker() {
    let desired = without(&desired(3, 3), &["10.0.0.102", "10.0.0.103"]);
    insta::assert_snapshot!(read(&plan(&desired, &grown(&desired, &[]))));
}

#[test]
fn from_three_control_planes_to_one() {
    let desired = without(&desired(3, 0), &["10.0.0.1", "10.0.0.2"]);
    insta::assert_snapshot!(read(&plan(&desired, &grown(&desired, &[]))));
}

#[test]
fn a_dead_control_plane_is_replaced_when_that_is_agreed_to() {
    let desired = without(&desired(4, 0), &["10.0.0.2"]);
    let mut seen = grown(&desired, &["10.0.0.4"]);
    silence(&mut seen, "10.0.0.2");
    let problems = planned(&desired, &seen, &Consents::default()).unwrap_err();
    let problem = only(&problems, Class::Refused, "10.0.0.2");
    assert!(problem.remedies.iter().any(|remedy| remedy.contains("--force")), "{problem:?}");
    assert!(problem.seen.contains(&"no route to host".to_owned()), "{problem:?}");
    insta::assert_snapshot!(read(&planned(&desired, &seen, &give_up(&["10.0.0.2"])).unwrap()));
}

#[test]
fn a_control_plane_that_is_installed_anew_joins_where_it_was() {
    let desired = desired(3, 0);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    silence(&mut seen, "10.0.0.3");
    let spec = &desired.cluster.machines[2];
    let facts = MachineFacts { machine_id: "new".to_owned(), ..fresh(spec) };
    seen.machines.insert(spec.name.clone(), Seen::Known(Box::new(facts)));
    let node = node_to_delete(&desired, &seen, spec).unwrap();
    assert_eq!(node.machine_id, "id-10-0-0-3", "the Node of the machine that was there before");
    assert_eq!(node_to_delete(&desired, &seen, &desired.cluster.machines[0]), None);
    insta::assert_snapshot!(read(&plan(&desired, &seen)));
}

#[test]
fn machines_that_a_provider_made_are_removed_whole() {
    let desired = without(&Desired { origin: Origin::Made, ..desired(1, 2) }, &["10.0.0.102"]);
    let plan = plan(&desired, &grown(&desired, &[]));
    let expected = [&Action::Drain, &Action::DeleteNode, &Action::RemoveMachine];
    assert_eq!(actions_on(&plan, "10.0.0.102"), expected);
}

#[test]
fn what_has_left_already_is_only_written_down() {
    let desired = without(&desired(1, 2), &["10.0.0.102"]);
    let mut seen = grown(&desired, &[]);
    seen.machines.insert(desired.leaving[0].name.clone(), Seen::Known(Box::new(fresh(&desired.leaving[0]))));
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.nodes.retain(|node| !node.addresses.contains(&desired.leaving[0].address));
    let plan = plan(&desired, &seen);
    let actions: Vec<&Action> = plan.steps.iter().map(|step| &step.action).collect();
    assert_eq!(actions, [&Action::KeepState, &Action::Kubeconfig]);
}

#[test]
fn a_machine_under_a_new_name_does_not_leave() {
    let before = desired(1, 1);
    let mut desired = before.clone();
    let mut old = desired.cluster.machines[1].clone();
    old.name = MachineName("worker.example".to_owned());
    desired.leaving = vec![old.clone()];
    let mut seen = observed(&before, |spec| member(&before, spec));
    let facts = seen.machines[&before.cluster.machines[1].name].clone();
    seen.machines.insert(old.name, facts);
    let plan = plan(&desired, &seen);
    assert!(plan.steps.iter().all(|step| step.disruption == Disruption::None), "{}", read(&plan));
}

#[test]
fn a_machine_of_others_that_was_ours_is_left_alone() {
    let desired = without(&desired(1, 2), &["10.0.0.102"]);
    let mut seen = grown(&desired, &[]);
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&desired.leaving[0].name) else { panic!() };
    facts.marker.as_mut().unwrap().cluster = "other".to_owned();
    let plan = planned(&desired, &seen, &give_up(&["10.0.0.102"])).unwrap();
    assert_eq!(actions_on(&plan, "10.0.0.102"), [&Action::DeleteNode]);
}

#[test]
fn a_member_without_a_marker_is_not_ours_to_clean() {
    let desired = without(&desired(1, 2), &["10.0.0.102"]);
    let mut seen = grown(&desired, &[]);
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&desired.leaving[0].name) else { panic!() };
    facts.marker = None;
    only(&planned(&desired, &seen, &Consents::default()).unwrap_err(), Class::Refused, "10.0.0.102");
    let plan = planned(&desired, &seen, &give_up(&["10.0.0.102"])).unwrap();
    assert!(!actions_on(&plan, "10.0.0.102").contains(&&Action::Clean), "{}", read(&plan));
}

#[test]
fn a_silent_worker_is_set_aside_and_the_rest_is_done() {
    let desired = desired(1, 3);
    let mut seen = grown(&desired, &["10.0.0.103"]);
    silence(&mut seen, "10.0.0.102");
    let plan = plan(&desired, &seen);
    assert_eq!(plan.set_aside.iter().map(|problem| problem.class).collect::<Vec<_>>(), [Class::Connection]);
    assert!(actions_on(&plan, "10.0.0.103").contains(&&Action::JoinWorker), "{}", read(&plan));
    assert!(actions_on(&plan, "10.0.0.102").is_empty(), "{}", read(&plan));
}

#[test]
fn nothing_to_do_but_a_silent_worker_is_an_empty_plan_that_says_so() {
    let desired = desired(1, 2);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    silence(&mut seen, "10.0.0.102");
    let plan = plan(&desired, &seen);
    assert!(plan.is_empty(), "{}", read(&plan));
    assert_eq!(plan.set_aside.len(), 1);
}

#[test]
fn a_silent_control_plane_holds_back_only_what_needs_its_vote() {
    let desired = desired(4, 2);
    let mut seen = grown(&desired, &["10.0.0.4", "10.0.0.102"]);
    silence(&mut seen, "10.0.0.3");
    let plan = plan(&desired, &seen);
    let aside: Vec<_> =
        plan.set_aside.iter().map(|problem| (problem.class, problem.machine.as_deref().unwrap())).collect();
    assert_eq!(aside, [(Class::Connection, "10.0.0.3"), (Class::Quorum, "10.0.0.4")]);
    assert!(actions_on(&plan, "10.0.0.4").is_empty(), "{}", read(&plan));
    assert!(actions_on(&plan, "10.0.0.102").contains(&&Action::JoinWorker), "{}", read(&plan));
}

#[test]
fn a_silent_control_plane_that_never_joined_holds_back_nothing() {
    let desired = desired(3, 0);
    let mut seen = grown(&desired, &["10.0.0.2", "10.0.0.3"]);
    silence(&mut seen, "10.0.0.2");
    let plan = plan(&desired, &seen);
    assert!(actions_on(&plan, "10.0.0.3").contains(&&Action::JoinControlPlane), "{}", read(&plan));
}

#[test]
fn a_new_cluster_is_only_made_when_every_control_plane_answers() {
    let desired = desired(3, 1);
    let mut seen = observed(&desired, fresh);
    silence(&mut seen, "10.0.0.3");
    let problems = apply(&desired, &seen, None, &Consents::default()).unwrap_err();
    assert_eq!(problems.class(), Class::Connection, "it might know a cluster already");
}

#[test]
fn removals_that_lose_the_quorum_are_refused_with_names() {
    let desired = without(&desired(3, 0), &["10.0.0.1"]);
    let mut seen = grown(&desired, &[]);
    silence(&mut seen, "10.0.0.3");
    let problems = planned(&desired, &seen, &Consents::default()).unwrap_err();
    let problem = only(&problems, Class::Quorum, "10.0.0.1");
    assert!(problem.seen[0].contains("node-10-0-0-3"), "{problem:?}");
    let last = without(&desired, &["10.0.0.2"]);
    let problems = planned(&last, &seen, &Consents::default()).unwrap_err();
    assert!(problems.list().iter().all(|problem| problem.class == Class::Quorum), "{problems}");
}

#[test]
fn votes_go_one_after_the_other_past_a_machine_that_has_none() {
    let desired = without(&desired(5, 0), &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    let seen = observed(&desired, |spec| match spec.name.0.as_str() {
        "10.0.0.2" => fresh(spec),
        _ => member(&desired, spec),
    });
    let plan = planned(&desired, &seen, &Consents::default()).unwrap();
    let votes: Vec<&PlannedStep> =
        plan.steps.iter().filter(|step| step.action == Action::RemoveEtcdMember).collect();
    assert_eq!(votes.len(), 2, "{}", read(&plan));
    let drain =
        plan.steps.iter().find(|step| step.action == Action::Drain && step.machine == votes[1].machine);
    let needs = &drain.unwrap().needs;
    assert!(needs.contains(&votes[0].number), "{}", read(&plan));
}

#[test]
fn without_the_list_of_members_no_control_plane_leaves() {
    let desired = without(&desired(3, 1), &["10.0.0.1"]);
    let mut seen = grown(&desired, &[]);
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.etcd.clear();
    only(&planned(&desired, &seen, &Consents::default()).unwrap_err(), Class::Kubernetes, "10.0.0.1");
}

#[test]
fn a_role_is_not_changed_in_place() {
    let before = desired(1, 1);
    let mut desired = before.clone();
    desired.cluster.machines[1].role = Role::ControlPlane;
    let mut seen = observed(&before, |spec| member(&before, spec));
    let problems = planned(&desired, &seen, &Consents::default()).unwrap_err();
    assert!(only(&problems, Class::Refused, "10.0.0.101").message.contains("it is a worker"), "{problems}");
    silence(&mut seen, "10.0.0.101");
    only(&planned(&desired, &seen, &Consents::default()).unwrap_err(), Class::Refused, "10.0.0.101");
}

#[test]
fn only_labels_and_taints_that_differ_are_set() {
    let mut desired = desired(1, 2);
    let taint = Taint { key: "gpu".to_owned(), value: String::new(), effect: TaintEffect::NoExecute };
    for machine in &mut desired.cluster.machines {
        machine.node.labels.insert("zone".to_owned(), "a".to_owned());
    }
    desired.cluster.machines[2].node.taints.push(taint);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.nodes[0].labels.insert("zone".to_owned(), "a".to_owned());
    api.nodes[1].labels.insert("zone".to_owned(), "b".to_owned());
    let plan = plan(&desired, &seen);
    let told: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::ConfigureNode)
        .map(|step| (step.machine.as_ref().unwrap().0.as_str(), step.reason.as_str(), step.disruption))
        .collect();
    assert_eq!(
        told,
        [
            ("10.0.0.101", "labels: zone", Disruption::None),
            ("10.0.0.102", "labels: zone; taints: gpu:NoExecute", Disruption::Machine),
        ]
    );
    assert!(
        plan.steps.iter().all(|step| step.action != Action::AwaitReady),
        "nothing has to become Ready again"
    );
}

#[test]
fn labels_that_are_not_wished_any_more_are_taken_back_if_they_were_ours() {
    let desired = desired(1, 0);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.nodes[0].labels = BTreeMap::from(["theirs", "ours"].map(|key| (key.to_owned(), String::new())));
    assert!(plan(&desired, &seen).is_empty(), "labels of others are theirs");
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.nodes[0].ours.labels.insert("ours".to_owned());
    assert_eq!(plan(&desired, &seen).steps[0].reason, "labels: ours");
}

#[test]
fn a_joining_machine_gets_its_labels_once_it_is_a_node() {
    let mut desired = desired(1, 1);
    desired.cluster.machines[1].node.labels.insert("zone".to_owned(), "a".to_owned());
    let plan = plan(&desired, &grown(&desired, &["10.0.0.101"]));
    let join = plan.steps.iter().find(|step| step.action == Action::JoinWorker).unwrap();
    let configure = plan.steps.iter().find(|step| step.action == Action::ConfigureNode).unwrap();
    assert_eq!(configure.needs, [join.number]);
}

#[test]
fn changed_arguments_reach_only_their_kubelets_and_control_planes_one_by_one() {
    let before = desired(2, 2);
    let mut desired = before.clone();
    for index in [0, 1, 3] {
        let arguments = &mut desired.cluster.machines[index].node.kubelet_arguments;
        arguments.insert("max-pods".to_owned(), "50".to_owned());
    }
    let plan = plan(&desired, &observed(&before, |spec| member(&before, spec)));
    let kubelets: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::ConfigureKubelet)
        .map(|step| (step.machine.as_ref().unwrap().0.as_str(), step.needs.clone(), step.disruption))
        .collect();
    assert_eq!(
        kubelets,
        [
            ("10.0.0.1", vec![], Disruption::Machine),
            ("10.0.0.2", vec![1], Disruption::Machine),
            ("10.0.0.102", vec![], Disruption::Machine),
        ]
    );
}

#[test]
fn a_machines_own_variables_lay_only_that_machine_out_again() {
    let before = desired(1, 2);
    let mut desired = before.clone();
    desired.cluster.machines[2].environment.insert("criData".to_owned(), "/data".to_owned());
    let plan = plan(&desired, &observed(&before, |spec| member(&before, spec)));
    assert_eq!(actions_on(&plan, "10.0.0.102"), [&Action::LayOut, &Action::Prepare]);
    assert!(actions_on(&plan, "10.0.0.101").is_empty() && actions_on(&plan, "10.0.0.1").is_empty());
    let prepare = plan.steps.iter().find(|step| step.action == Action::Prepare).unwrap();
    assert_eq!(prepare.disruption, Disruption::Machine, "what runs there is interrupted");
}

#[test]
fn with_the_api_lost_for_good_what_answers_can_be_cleaned() {
    let desired = without(&desired(3, 2), &["10.0.0.2", "10.0.0.102"]);
    let mut seen = grown(&desired, &[]);
    seen.api = Some(Seen::Unknown(Problem::new(Class::Kubernetes, "connection refused")));
    silence(&mut seen, "10.0.0.2");
    let problems = planned(&desired, &seen, &Consents::default()).unwrap_err();
    assert_eq!(problems.class(), Class::Kubernetes);
    let lost = Consents { without_api: WithoutApi::CleanLeaving, ..Consents::default() };
    let plan = planned(&desired, &seen, &lost).unwrap();
    let actions: Vec<_> = plan.steps.iter().map(|step| &step.action).collect();
    assert_eq!(actions, [&Action::Clean, &Action::Leave], "{}", read(&plan));
    assert_eq!(plan.set_aside.len(), 2, "the silent machine, and that nothing else is done: {plan:?}");
    let nothing_leaves = Desired { leaving: vec![], ..desired };
    assert_eq!(planned(&nothing_leaves, &seen, &lost).unwrap_err().class(), Class::Kubernetes);
}

#[test]
fn another_way_in_to_a_machine_is_nothing_to_do() {
    let mut desired = desired(1, 1);
    let seen = observed(&desired, |spec| member(&desired, spec));
    let machine = &mut desired.cluster.machines[1];
    machine.login.password = Some(SecretPlace::File("/elsewhere".into()));
    machine.ssh.port = Some(2222);
    assert!(plan(&desired, &seen).is_empty(), "{}", read(&plan(&desired, &seen)));
}

#[test]
fn files_of_applications_are_sent_only_while_one_is_to_be_launched() {
    let desired = desired(1, 0);
    let mut seen = observed(&desired, |spec| member(&desired, spec));
    let files = desired.images[1].layers[0].diff_id.clone();
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&desired.cluster.machines[0].name) else { panic!() };
    facts.holdings.layers.remove(&files);
    assert!(plan(&desired, &seen).is_empty(), "it commands now, and everything is launched");
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.applications.clear();
    let plan = plan(&desired, &seen);
    assert!(matches!(&plan.steps[0].action, Action::SendLayers { layers, .. } if layers == &[files]));
}

fn config(path: &str, tree: &str) -> Config {
    Config { trees: vec![tree.to_owned()], ..Config::plain(path, Strategy::Append, "x") }
}

/// The kinds of steps that a Config for this file brings to a cluster that is as desired.
fn steps_for(path: &str, tree: usize) -> Vec<Action> {
    let before = desired(1, 0);
    let mut changed = before.clone();
    changed.cluster.configs.push(config(path, &before.images[tree].name));
    let plan = plan(&changed, &observed(&before, |spec| member(&before, spec)));
    plan.steps.into_iter().map(|step| step.action).collect()
}

#[test]
fn a_changed_config_brings_the_steps_that_depend_on_its_file() {
    let of_scripts = steps_for("etc/config.toml", 0);
    for action in [Action::LayOut, Action::Registry, Action::Prepare] {
        assert!(of_scripts.contains(&action), "{action:?} in {of_scripts:?}");
    }
    let of_kubeadm = steps_for("etc/kubeadm.yml", 0);
    assert!(of_kubeadm.contains(&Action::LayOut) && !of_kubeadm.contains(&Action::Prepare), "{of_kubeadm:?}");
    let of_application = steps_for("manifests/a.yaml", 1);
    assert!(
        of_application.iter().any(|action| matches!(action, Action::Launch { .. })),
        "{of_application:?}"
    );
    assert!(!of_application.contains(&Action::LayOut), "{of_application:?}");
}
