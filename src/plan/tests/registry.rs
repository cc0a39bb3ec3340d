//! The registry as it is declared: what a change of it costs.

use super::super::testing::*;
use super::super::*;
use crate::model::ClusterRegistry;

fn named(names: &[&str]) -> ClusterRegistry {
    ClusterRegistry::Own { certificate_names: names.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn other_names_of_the_certificate_reach_one_control_plane_after_the_other_and_nothing_else() {
    let before = desired(3, 2);
    let mut wanted = before.clone();
    wanted.cluster.registry = named(&["registry.example"]);
    let seen = observed(&before, |spec| member(&before, spec));
    let plan = apply(&wanted, &seen, None, &Consents::default()).unwrap();
    let registries: Vec<_> = plan.steps.iter().filter(|step| step.action == Action::Registry).collect();
    assert_eq!(registries.len(), 3);
    for pair in registries.windows(2) {
        assert!(pair[1].needs.contains(&pair[0].number), "they are interrupted one after the other");
    }
    let others = plan.steps.iter().filter(|step| step.machine.is_some() && step.action != Action::Registry);
    assert_eq!(others.count(), 0, "{plan:#?}");

    let seen = observed(&wanted, |spec| member(&wanted, spec));
    assert!(apply(&wanted, &seen, None, &Consents::default()).unwrap().is_empty());
    let without = apply(&before, &seen, None, &Consents::default()).unwrap();
    let again = without.steps.iter().filter(|step| step.action == Action::Registry).count();
    assert_eq!(again, 3, "taken back, the certificates are made anew as well");
}
