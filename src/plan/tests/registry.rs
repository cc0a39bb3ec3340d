//! The registry as it is declared: what a change of it costs.

use super::super::testing::*;
use super::super::*;
use crate::model::{ClusterRegistry, Digest};

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

#[test]
fn a_registry_in_a_container_is_started_anew_with_the_tree_that_it_serves() {
    for (variable, started) in [("RegistryDomain", 1), ("registryDomain", 0)] {
        let mut before = desired(1, 1);
        before.images[0].environment.insert(variable.to_owned(), "sea.hub".to_owned());
        let mut wanted = before.clone();
        wanted.images[0].layers[0].diff_id = Digest::of("other files");
        let seen = observed(&before, |spec| member(&before, spec));
        let plan = apply(&wanted, &seen, None, &Consents::default()).unwrap();
        let of =
            |action: &Action| plan.steps.iter().filter(|step| step.action == *action).collect::<Vec<_>>();
        assert_eq!((of(&Action::LayOut).len(), of(&Action::Registry).len()), (2, started), "{variable}");
        for step in of(&Action::Registry) {
            assert!(of(&Action::LayOut).iter().any(|laid| step.needs.contains(&laid.number)));
        }
    }
}
