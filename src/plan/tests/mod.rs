//! Plans of whole clusters, as a person would read them.

use std::collections::BTreeMap;
use std::fmt::Write;

mod applications;
mod changes;
mod configuration;
mod credentials;
mod hooks;
mod life;
mod pulling;
mod registry;
mod resumed;
mod run;
mod world;

use super::testing::*;
use super::*;
use crate::error::{Class, Problem, Problems};
use crate::model::{Digest, Intent, Interface, MachineFacts, Observed, Receipt, Role, Seen};

fn read(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let machine = step.machine.as_ref().map_or("cluster", |machine| &machine.0);
        let action = serde_json::to_value(&step.action).unwrap();
        let _ = write!(text, "{:>2} {machine:<10} {}", step.number, action["action"].as_str().unwrap());
        if let Some(image) = action["image"].as_str() {
            let _ = write!(text, " {image}");
        }
        if let Some(layers) = action["layers"].as_array() {
            let _ = write!(text, " {}", layers.len());
        }
        if !step.needs.is_empty() {
            let _ = write!(text, " needs {:?}", step.needs);
        }
        if !step.follows.is_empty() {
            let _ = write!(text, " follows {:?}", step.follows);
        }
        text.push('\n');
    }
    text
}

fn launch(desired: &Desired, observed: &Observed, authority: Option<&Digest>) -> Result<Plan, Problems> {
    apply(desired, observed, authority, &Consents::default())
}

#[test]
fn three_control_planes_and_two_workers_from_nothing() {
    let desired = desired(3, 2);
    insta::assert_snapshot!(read(&launch(&desired, &observed(&desired, fresh), None).unwrap()));
}

#[test]
fn when_everything_is_there_nothing_is_to_do() {
    let desired = desired(3, 2);
    let plan = launch(&desired, &observed(&desired, |spec| member(&desired, spec)), None).unwrap();
    assert!(plan.is_empty(), "{}", read(&plan));
}

#[test]
fn a_launch_that_was_cut_off_goes_on_where_it_was() {
    let desired = desired(1, 2);
    let seen = observed(&desired, |spec| match (spec.role, spec.name.0.as_str()) {
        (Role::ControlPlane, _) => member(&desired, spec),
        (Role::Worker, "10.0.0.101") => ready_to_join(&desired, spec),
        (Role::Worker, _) => {
            let mut facts = ready_to_join(&desired, spec);
            facts.holdings.receipts.clear();
            facts.holdings.layers.clear();
            facts
        }
    });
    insta::assert_snapshot!(read(&launch(&desired, &seen, None).unwrap()));
}

#[test]
fn a_control_plane_that_answers_commands_the_others() {
    let desired = desired(3, 0);
    let seen = observed(&desired, |spec| match spec.name.0.as_str() {
        "10.0.0.2" => member(&desired, spec),
        _ => fresh(spec),
    });
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(plan.steps.iter().all(|step| step.action != Action::Init), "{}", read(&plan));
    let joins = plan.steps.iter().filter(|step| step.action == Action::JoinControlPlane).count();
    assert_eq!(joins, 2);
}

#[test]
fn nothing_is_planned_for_a_machine_that_does_not_answer() {
    let desired = desired(1, 1);
    let mut seen = observed(&desired, fresh);
    let silent = Problem::new(Class::Connection, "no route");
    seen.machines.insert(desired.cluster.machines[1].name.clone(), Seen::Unknown(silent));
    let plan = launch(&desired, &seen, None).unwrap();
    let silent = &desired.cluster.machines[1].name;
    assert!(plan.steps.iter().all(|step| step.machine.as_ref() != Some(silent)), "{}", read(&plan));
    assert_eq!(plan.set_aside.len(), 1, "the rest is planned, and the end will be partial");
    assert_eq!(plan.set_aside[0].machine.as_deref(), Some("10.0.0.101"));
}

#[test]
fn a_stopped_registry_or_care_is_started_again() {
    let desired = desired(1, 1);
    let seen = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        facts.units.remove("sealift-care.service");
        facts.units.remove("registry.service");
        facts
    });
    let plan = launch(&desired, &seen, None).unwrap();
    let actions: Vec<&Action> = plan.steps.iter().map(|step| &step.action).take(3).collect();
    assert_eq!(actions, [&Action::Registry, &Action::Endpoints, &Action::Endpoints], "{}", read(&plan));
}

#[test]
fn changed_variables_lay_the_image_out_again() {
    let before = desired(1, 0);
    let mut after = before.clone();
    after.cluster.environment.insert("BIN_DIR".to_owned(), "/opt/bin".to_owned());
    let plan = launch(&after, &observed(&before, |spec| member(&before, spec)), None).unwrap();
    assert!(plan.steps.iter().any(|step| step.action == Action::LayOut), "{}", read(&plan));
    assert!(plan.steps.iter().all(|step| step.action != Action::Init), "{}", read(&plan));
}

#[test]
fn a_cluster_is_removed_workers_first() {
    let desired = desired(1, 2);
    let seen = observed(&desired, |spec| member(&desired, spec));
    insta::assert_snapshot!(
        "removal-of-given-machines",
        read(&remove(&desired, &seen, Definition::Forgotten, FailedHooks::Stop))
    );
    let made = Desired { origin: Origin::Made, ..desired.clone() };
    insta::assert_snapshot!(
        "removal-of-made-machines",
        read(&remove(&made, &seen, Definition::Forgotten, FailedHooks::Stop))
    );
    let untouched = observed(&desired, fresh);
    let plan = remove(&desired, &untouched, Definition::Kept, FailedHooks::Stop);
    assert!(plan.is_empty(), "machines that are nobody's are not cleaned: {}", read(&plan));
}

fn check(desired: &Desired, seen: &Observed, authority: Option<&Digest>) -> Preflight {
    let clocks = desired.cluster.machines.iter().map(|machine| (machine.name.0.clone(), 0)).collect();
    preflight(desired, seen, &clocks, authority)
}

#[test]
fn a_fresh_and_a_finished_cluster_pass_the_preflight() {
    let desired = desired(3, 2);
    for seen in [observed(&desired, fresh), observed(&desired, |spec| member(&desired, spec))] {
        let found = check(&desired, &seen, Some(&Digest::of("ca")));
        assert_eq!(found, Preflight::default());
    }
}

#[test]
fn a_full_disk_holds_nothing_up_where_little_is_to_come() {
    let desired = desired(3, 2);
    let seen = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        // The applications' layers are on the control plane that runs their commands alone.
        let here = super::layers::layers_for(&desired.images, super::layers::Duty::of(spec.role));
        facts.holdings.layers = here.into_iter().map(|layer| layer.diff_id.clone()).collect();
        facts.room = crate::model::Room { bytes: 100 << 20, inodes: Some(5_000) };
        facts
    });
    assert_eq!(check(&desired, &seen, Some(&Digest::of("ca"))), Preflight::default());
}

type Fault = fn(&mut MachineFacts);

#[test]
fn every_unfit_machine_is_told_with_its_class_and_a_remedy() {
    let faults: Vec<(&str, Class, Fault)> = vec![
        ("lacks overlayfs", Class::Machine, |f| f.missing_features = vec!["overlayfs".to_owned()]),
        ("it is arm64 and kubernetes is for amd64", Class::Machine, |f| f.arch = crate::model::Arch::Arm64),
        ("not systemd", Class::Machine, |f| f.systemd = false),
        ("of memory", Class::Machine, |f| f.memory = 500 << 20),
        ("1 processor", Class::Machine, |f| f.processors = 1),
        ("names no server", Class::Machine, |f| f.nameservers.clear()),
        ("MTU of 1200", Class::Machine, |f| f.interfaces[0].mtu = 1200),
        ("has the address", Class::Machine, |f| {
            f.interfaces[0].addresses = vec!["10.9.9.9/24".parse().unwrap()];
        }),
        ("port 6443 is taken", Class::Machine, |f| drop(f.taken_ports.insert(6443, "nginx".to_owned()))),
        ("container runtime", Class::Machine, |f| f.foreign_runtimes = vec!["Docker".to_owned()]),
        ("needed", Class::Machine, |f| f.room.bytes = 1 << 20),
        ("inodes free", Class::Machine, |f| f.room.inodes = Some(10)),
        ("did not make", Class::Refused, |f| f.kubernetes_traces = vec!["/var/lib/etcd/member".to_owned()]),
        ("another Kubernetes", Class::Refused, |f| f.authority = Some(Digest::of("theirs"))),
        ("its clock is 60 s ahead", Class::Machine, |f| f.clock = 60_000),
        ("name server 10.96.0.10", Class::Config, |f| f.nameservers = vec!["10.96.0.10".parse().unwrap()]),
        ("lies in the pod network", Class::Config, |f| {
            let addresses = vec!["100.64.0.1/16".parse().unwrap()];
            f.interfaces.push(Interface { name: "tun0".to_owned(), mtu: 1500, addresses });
        }),
    ];
    let desired = desired(1, 0);
    for (says, class, fault) in faults {
        let seen = observed(&desired, |spec| {
            let mut facts = fresh(spec);
            fault(&mut facts);
            facts
        });
        let found = check(&desired, &seen, None);
        assert_eq!(found.problems.len(), 1, "{says}: {found:?}");
        let problem = &found.problems[0];
        assert!(problem.to_string().contains(says), "{says}: {problem}");
        assert_eq!((problem.class, problem.machine.as_deref()), (class, Some("10.0.0.1")), "{says}");
        assert!(!problem.remedies.is_empty(), "{says} has no remedy");
    }
}

#[test]
fn machines_of_others_are_refused_whatever_they_show() {
    let desired = desired(1, 0);
    let ours = Digest::of("ca");
    let mark = |change: fn(&mut crate::model::Marker)| {
        observed(&desired, |spec| {
            let mut facts = member(&desired, spec);
            change(facts.marker.as_mut().unwrap());
            facts
        })
    };
    for (says, seen) in [
        ("belongs to the cluster `other`", mark(|marker| marker.cluster = "other".to_owned())),
        ("another cluster of the same name", mark(|marker| marker.authority = Some(Digest::of("theirs")))),
        ("a copy of one", mark(|marker| marker.machine_id = "somebody-else".to_owned())),
        (
            "another launch",
            mark(|marker| {
                marker.authority = None;
                marker.launch = "launch-2".to_owned();
            }),
        ),
    ] {
        let found = check(&desired, &seen, Some(&ours));
        assert_eq!(found.problems.len(), 1, "{says}: {found:?}");
        assert_eq!(found.problems[0].class, Class::Refused, "{says}");
        assert!(found.problems[0].to_string().contains(says), "{}", found.problems[0]);
    }
}

#[test]
fn a_machine_that_was_leaving_is_claimed_again() {
    let desired = desired(1, 0);
    let seen = observed(&desired, |spec| {
        let mut facts = fresh(spec);
        let mut marker = marker("prod", spec);
        marker.intent = Intent::Leaving;
        facts.marker = Some(marker);
        facts
    });
    assert_eq!(launch(&desired, &seen, None).unwrap().steps[0].action, Action::Claim);
}

#[test]
fn twins_are_told_once() {
    let desired = desired(2, 0);
    let same_machine = observed(&desired, |spec| {
        let mut facts = fresh(spec);
        facts.machine_id = "id".to_owned();
        facts.hostname = "node".to_owned();
        facts
    });
    let found = check(&desired, &same_machine, None);
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert!(found.problems[0].message.contains("same machine"), "{found:?}");

    let same_name = observed(&desired, |spec| {
        let mut facts = fresh(spec);
        facts.hostname = "Node".to_owned();
        facts.product_uuid = Some("uuid".to_owned());
        facts
    });
    let found = check(&desired, &same_name, None);
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert!(found.problems[0].message.contains("same host name"), "{found:?}");
    assert_eq!(found.warnings.len(), 1, "equal product_uuids are a warning: {found:?}");
}

#[test]
fn networks_that_overlap_are_refused() {
    let mut desired = desired(1, 0);
    desired.cluster.network.services = "100.64.0.0/16".parse().unwrap();
    desired.cluster.network.vip = "100.64.0.9".parse().unwrap();
    let found = check(&desired, &observed(&desired, fresh), None);
    let messages: Vec<&str> = found.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages.len(), 3, "pods and Services, and the address in both: {messages:?}");
    let clocks = BTreeMap::new();
    assert_eq!(preflight(&desired, &observed(&desired, fresh), &clocks, None).problems, found.problems);
}

#[test]
fn a_cluster_that_exists_is_never_made_again() {
    let desired = desired(1, 1);
    let mut silent = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        facts.api_ready = false;
        facts
    });
    silent.api = None;
    let problem = launch(&desired, &silent, None).unwrap_err();
    assert_eq!(problem.class(), Class::Kubernetes, "its own marker knows the cluster: {problem}");
    let wiped = observed(&desired, fresh);
    let problem = launch(&desired, &wiped, Some(&Digest::of("ca"))).unwrap_err();
    assert_eq!(problem.class(), Class::Kubernetes, "the operator knows the cluster: {problem}");
}

#[test]
fn a_machine_whose_kubelet_or_runtime_stopped_is_mended() {
    let desired = desired(1, 1);
    let seen = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        if spec.role == Role::Worker {
            facts.units.remove("kubelet.service");
            facts.cri_answers = false;
        }
        facts
    });
    let plan = launch(&desired, &seen, None).unwrap();
    let actions: Vec<&Action> = plan.steps.iter().map(|step| &step.action).take(2).collect();
    assert_eq!(actions, [&Action::Prepare, &Action::JoinWorker], "{}", read(&plan));
}

#[test]
fn the_commands_of_the_rootfs_run_on_every_machine_that_is_in_and_once() {
    let mut desired = desired(1, 1);
    desired.images[0].commands = vec!["cp -f opt/helm /usr/bin/helm".to_owned()];
    let plan = launch(&desired, &observed(&desired, fresh), None).unwrap();
    let number = |wanted: Action| plan.steps.iter().find(|step| step.action == wanted).unwrap().number;
    let steps: Vec<_> = plan.steps.iter().filter(|step| step.action == Action::RunCommands).collect();
    let needed: Vec<usize> = vec![number(Action::Init), number(Action::JoinWorker)];
    let needs: Vec<&[usize]> = steps.iter().map(|step| step.needs.as_slice()).collect();
    assert_eq!(needs, [&needed[..1], &needed[..]], "{}", read(&plan));
    let last = plan.steps.iter().find(|step| step.action == Action::AwaitReady).unwrap();
    assert!(steps.iter().all(|step| last.follows.contains(&step.number)), "{}", read(&plan));

    let done = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        let digest = super::ran(&desired, spec, &facts).unwrap();
        facts.holdings.receipts.insert("commands".to_owned(), Receipt::of(digest));
        facts
    });
    assert!(launch(&desired, &done, None).unwrap().is_empty());
}
