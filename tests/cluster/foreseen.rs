//! Plans for machines that are still to be made: they say what will come, and nothing is made for them.

use std::collections::BTreeSet;
use std::fs;

use libtest_mimic::Trial;
use serde_json::json;

use crate::machines::{FLANNEL, KUBERNETES, Machine, Machines};
use crate::operator::Operator;

/// Machines that are there would be called like this, and the cluster that is planned.
const GROUP: &str = "foreseen";
const NAME: &str = "test-cluster-foreseen";

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("foreseen::a_plan_says_what_will_be_made_and_makes_nothing", || {
        plan_before_anything_is_made();
        Ok(())
    })]
}

fn plan_before_anything_is_made() {
    crate::machines::prepare();
    let operator = Operator::new();
    let clusterfile = json!({
        "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
        "spec": {"images": [KUBERNETES, FLANNEL], "provider": {"container": {"controlPlanes": 1, "workers": 2}}},
    });
    let file = operator.file("Clusterfile", &clusterfile.to_string());
    let (code, plan) = operator.looks(["plan", "-f", &file]);
    assert_eq!(code, Some(0), "{plan:#}");
    let steps = plan["steps"].as_array().unwrap();
    let of = |action: &str| steps.iter().filter(|step| step["action"] == action).collect::<Vec<_>>();
    let all: BTreeSet<&str> = of("claim").into_iter().filter_map(|step| step["machine"].as_str()).collect();
    assert_eq!((all.len(), of("init").len(), of("join-worker").len()), (3, 1, 2), "{plan:#}");

    // Nothing can be held to what is not there yet.
    let saved = operator.person().join("plan.json").display().to_string();
    let refused = operator.types(["plan", "-f", &file, "--out", &saved]);
    assert_eq!(refused.code(), Some(9), "{}", refused.told());
    let said = "no plan for 3 machines that are still to be made can be saved";
    assert!(refused.printed().contains(said), "{}", refused.told());
    assert!(!fs::exists(&saved).unwrap());

    assert_eq!(operator.clusters(), [""; 0], "nothing is kept of a cluster that is not there");
    let made = Machines::make(GROUP, 1, 2);
    let addresses: BTreeSet<String> = made.all().map(Machine::address).collect();
    assert!(addresses.iter().eq(&all), "they are where they were foreseen");
}
