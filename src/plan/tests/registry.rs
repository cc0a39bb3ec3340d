//! The registry as it is declared: what a change of it costs.

use super::super::testing::*;
use super::super::*;
use crate::model::{ClusterRegistry, Digest, ExternalRegistry, HostAlias, Receipt, Role};

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

#[test]
fn registries_in_containers_lose_their_trees_one_after_the_other() {
    let mut before = desired(3, 1);
    before.images[0].environment.insert("RegistryDomain".to_owned(), "sea.hub".to_owned());
    let mut wanted = before.clone();
    wanted.images[0].layers[0].diff_id = Digest::of("other files");
    let seen = observed(&before, |spec| member(&before, spec));
    let plan = apply(&wanted, &seen, None, &Consents::default()).unwrap();
    let registries: Vec<_> = plan.steps.iter().filter(|step| step.action == Action::Registry).collect();
    assert_eq!(registries.len(), 3);
    for pair in registries.windows(2) {
        let laid = |step: &&PlannedStep| step.action == Action::LayOut && step.machine == pair[1].machine;
        let laid = plan.steps.iter().find(laid).unwrap();
        assert!(laid.needs.contains(&pair[0].number), "{laid:?}");
    }
}

fn elsewhere(control_planes: u8, workers: u8) -> Desired {
    let mut wanted = desired(control_planes, workers);
    wanted.cluster.registry = ClusterRegistry::External(ExternalRegistry {
        domain: "hub.example".to_owned(),
        port: 5001,
        addresses: ["192.0.2.7", "192.0.2.8"].map(|address| address.parse().unwrap()).to_vec(),
        authority: Some("theirs".to_owned()),
    });
    for (name, value) in [("registryDomain", "hub.example"), ("registryPort", "5001")] {
        wanted.cluster.environment.insert(name.to_owned(), value.to_owned());
    }
    let names = ["hub.example", "git.example"].map(str::to_owned).to_vec();
    wanted.cluster.host_aliases = vec![HostAlias { address: "192.0.2.7".parse().unwrap(), names }];
    wanted
}

#[test]
fn an_external_registry_is_filled_once_before_anything_is_pulled_and_none_is_started() {
    let wanted = elsewhere(3, 1);
    let seen = observed(&wanted, fresh);
    let plan = apply(&wanted, &seen, None, &Consents::default()).unwrap();
    assert!(plan.steps.iter().all(|step| step.action != Action::Registry), "{plan:#?}");
    let mut filling = plan.steps.iter().filter(|step| step.action == Action::FillRegistry);
    let (fill, None) = (filling.next().unwrap(), filling.next()) else { panic!("{plan:#?}") };
    assert_eq!(fill.machine.as_ref(), wanted.control_planes().next().map(|machine| &machine.name));
    let others = plan.steps.iter().filter(|step| step.machine != fill.machine);
    let prepared: Vec<_> = others.filter(|step| step.action == Action::Prepare).collect();
    assert_eq!(prepared.len(), 3);
    for prepare in prepared {
        assert!(prepare.needs.contains(&fill.number), "{prepare:?}");
    }
    // On its own machine the way to it is made between.
    let own = |action: Action| {
        plan.steps.iter().find(|step| step.machine == fill.machine && step.action == action).unwrap()
    };
    let (told, prepare) = (own(Action::Endpoints), own(Action::Prepare));
    assert!(told.needs.contains(&fill.number) && prepare.needs.contains(&told.number), "{plan:#?}");
}

#[test]
fn who_filled_it_need_not_be_the_first_and_other_images_are_put_there_too() {
    let wanted = elsewhere(3, 1);
    let last = wanted.control_planes().last().unwrap().name.clone();
    let mut seen = observed(&wanted, |spec| {
        let mut facts = member(&wanted, spec);
        facts.holdings.receipts.remove("registry");
        facts.units.remove("registry.service");
        if spec.name == last {
            let filled = receipts::filled(&wanted).unwrap();
            facts.holdings.receipts.insert("fill-registry".to_owned(), Receipt::of(filled));
        }
        facts
    });
    let plan = apply(&wanted, &seen, None, &Consents::default()).unwrap();
    assert!(plan.is_empty(), "{plan:#?}");
    let other = Receipt::of(Digest::of("other images"));
    let Some(crate::model::Seen::Known(facts)) = seen.machines.get_mut(&last) else { panic!() };
    facts.holdings.receipts.insert("fill-registry".to_owned(), other);
    let plan = apply(&wanted, &seen, None, &Consents::default()).unwrap();
    let filling: Vec<_> = plan.steps.iter().filter(|step| step.machine.is_some()).collect();
    assert_eq!(filling.iter().map(|step| &step.action).collect::<Vec<_>>(), [&Action::FillRegistry]);
}

#[test]
fn machines_find_it_at_their_own_endpoint_and_care_where_it_is() {
    let wanted = elsewhere(1, 1);
    let worker = wanted.cluster.with_role(Role::Worker).next().unwrap();
    let told = endpoints(&wanted, worker);
    assert_eq!(told.registries, ["192.0.2.7:5001", "192.0.2.8:5001"].map(|at| at.parse().unwrap()));
    assert_eq!(
        (told.registry_listen, told.external),
        ("127.0.0.1:5001".parse().unwrap(), Some("hub.example".to_owned()))
    );
    let hosts = hosts_of(&wanted, worker, worker.address);
    let named = |name: &str| {
        let having = hosts.iter().filter(|(_, names)| names.iter().any(|one| one == name));
        having.map(|(address, _)| address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (named("hub.example"), named("git.example")),
        (vec!["127.0.0.1".to_owned()], vec!["192.0.2.7".to_owned()])
    );
    let door = wanted.door(worker);
    let name = door.external.unwrap();
    assert_eq!((door.at.to_string(), name.domain), ("192.0.2.7:5001".to_owned(), "hub.example".to_owned()));
    assert_eq!(name.elsewhere, ["192.0.2.8:5001".parse().unwrap()]);
}
