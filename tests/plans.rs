//! Plans for 3, 30 and 300 machines as people see them, in terminals of 80 and 120 columns and as graphs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../benches/thousands/cluster.rs"]
mod cluster;
#[path = "../benches/thousands/machine_facts.rs"]
mod machine_facts;
#[path = "../benches/thousands/site.rs"]
mod site;

use std::sync::Arc;

use sealift::clusterfile::{Overrides, Source, load};
use sealift::error::{Class, Problem};
use sealift::model::{Digest, MachineSpec, Observed, Seen};
use sealift::ops::{self, PlanView};
use sealift::plan::{self, Consents, Desired, Plan};
use sealift::ui::{self, Verbosity};

fn desired(machines: u32) -> Desired {
    let text = cluster::clusterfile(machines).into_bytes();
    let source = Source { name: "Clusterfile".to_owned(), text };
    cluster::desired(&load(&[source], &Overrides::default()).unwrap()).unwrap()
}

/// Returns what is seen where the machines before `members` are in the cluster, and the others are fresh.
fn seen(desired: &Desired, members: usize) -> Observed {
    let machines = &desired.cluster.machines;
    let facts = machines.iter().enumerate().map(|(index, spec)| {
        let facts =
            if index < members { machine_facts::member(desired, spec)? } else { machine_facts::fresh(spec)? };
        Ok((spec.name.clone(), facts))
    });
    let api = (members > 0).then(|| machine_facts::api(desired, machines[..members].iter()));
    machine_facts::observed(facts, api).unwrap()
}

/// A cluster that grows by a third, while a few of its machines leave, change, or do not answer.
fn changing(machines: usize) -> (Desired, Observed) {
    let mut desired = desired(u32::try_from(machines).unwrap());
    let mut observed = seen(&desired, machines * 2 / 3);
    let fleet = &mut desired.cluster.machines;
    for spec in &mut fleet[machines / 3..machines / 2] {
        spec.node.labels.insert("zone".to_owned(), "west".to_owned());
    }
    fleet[4].node.kubelet_arguments.insert("max-pods".to_owned(), "50".to_owned());
    for silent in [5, 7] {
        let problem = Problem::new(Class::Connection, "it does not answer").saw("no route to host");
        observed.machines.insert(fleet[silent].name.clone(), Seen::Unknown(problem));
    }
    let leaving: Vec<MachineSpec> = fleet.drain(10..=(10 + machines / 50)).collect();
    desired.leaving = leaving;
    (desired, observed)
}

fn shown(desired: Desired, observed: Observed) -> (Plan, PlanView) {
    let authority = observed.api.is_some().then(|| Digest::of("ca"));
    let plan = plan::apply(&desired, &observed, authority.as_ref(), &Consents::default()).unwrap();
    let view = ops::shown(&plan, &Arc::new(site::site(desired, observed)), "plan of Clusterfile").unwrap();
    (plan, view)
}

fn new(machines: u32) -> (Plan, PlanView) {
    let desired = desired(machines);
    let observed = seen(&desired, 0);
    shown(desired, observed)
}

fn text(view: &PlanView, columns: usize) -> String {
    let text = ui::plan_text(view, Verbosity::Normal, columns);
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest < columns, "{widest} of {columns} columns:\n{text}");
    text
}

#[test]
fn three_new_machines() {
    insta::assert_snapshot!("3-new-80", text(&new(3).1, 80));
}

#[test]
fn thirty_machines() {
    let (plan, view) = new(30);
    insta::assert_snapshot!("30-new-80", text(&view, 80));
    insta::assert_snapshot!("30-new-graph", ops::plan_graph(&plan, &view));
    let (desired, observed) = changing(30);
    let (_, view) = shown(desired, observed);
    insta::assert_snapshot!("30-changing-80", text(&view, 80));
}

#[test]
fn three_hundred_machines_are_read_on_a_screen() {
    let (plan, view) = new(300);
    insta::assert_snapshot!("300-new-120", text(&view, 120));
    assert!(text(&view, 80).lines().count() < 50);
    assert!(ops::plan_graph(&plan, &view).lines().count() < 100);
    let (desired, observed) = changing(300);
    let (plan, view) = shown(desired, observed);
    insta::assert_snapshot!("300-changing-80", text(&view, 80));
    insta::assert_snapshot!("300-changing-120", text(&view, 120));
    insta::assert_snapshot!("300-changing-graph", ops::plan_graph(&plan, &view));
}

/// With `--verbose` every step of every machine is told, and nothing is cut.
#[test]
fn all_details_are_told_where_they_are_wanted() {
    let (plan, view) = new(300);
    let text = ui::plan_text(&view, Verbosity::Verbose, 80);
    for step in &plan.steps {
        let reason = &step.reason;
        let machine = step.machine.as_ref().map_or("cluster", |machine| &machine.0);
        let row = text.lines().filter(|line| line.starts_with(['+', '~', '-'])).find(|line| {
            line.get(1..).is_some_and(|line| line.trim_start().starts_with(&format!("{} ", step.number)))
        });
        let row = row.unwrap_or_else(|| panic!("step {} is not told", step.number));
        assert!(row.contains(machine) && row.contains(reason.as_str()) && !row.contains('…'), "{row}");
    }
}
