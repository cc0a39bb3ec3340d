//! Properties of a cluster's whole life: whatever is wished, whatever fails and in whatever order, the same wish is reached in
//! the end, nothing is left to do then, and the quorum was never lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::super::*;
use super::run::{Fate, carry_out};
use super::world::World;
use crate::error::{Class, Problems};
use crate::model::{MachineName, Role};

/// Control planes and workers, by the last numbers of their addresses; a worker's less a hundred.
type Wished = (BTreeSet<u8>, BTreeSet<u8>);

/// Something that happens to a cluster.
#[derive(Debug, Clone)]
enum Event {
    /// Other machines are wished.
    Wish { control_planes: BTreeSet<u8>, workers: BTreeSet<u8> },
    /// A machine falls silent.
    Off(u8),
    /// It answers again.
    On(u8),
    /// A machine's disk is new.
    Reinstall(u8),
    /// A machine's Node is wished to have this label.
    Label(u8, Option<u8>),
    /// A machine's kubelet is wished to have this argument.
    Argument(u8, Option<u8>),
    /// The rootfs image has every machine do something, or nothing.
    Command(Option<u8>),
    /// The registries are to have other credentials.
    Passwd,
    /// A machine comes in the place of another one: of those wished, and of those that are not, counted in a circle.
    Replace { role: Role, old: u8, new: u8 },
}

/// One run of `apply` that does not go undisturbed.
#[derive(Debug, Clone)]
struct Disturbed {
    order: Vec<u8>,
    failures: u8,
    cut_off: Option<usize>,
}

fn machine() -> impl Strategy<Value = u8> {
    prop_oneof![2 => 1_u8..=5, 1 => 101_u8..=105]
}

fn wish() -> impl Strategy<Value = Wished> {
    (btree_set(1_u8..=5, 1..=4), btree_set(1_u8..=5, 0..=4))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => wish().prop_map(|(control_planes, workers)| Event::Wish { control_planes, workers }),
        3 => machine().prop_map(Event::Off),
        2 => machine().prop_map(Event::On),
        1 => machine().prop_map(Event::Reinstall),
        2 => (machine(), proptest::option::of(0_u8..3)).prop_map(|(one, value)| Event::Label(one, value)),
        1 => (machine(), proptest::option::of(0_u8..3)).prop_map(|(one, value)| Event::Argument(one, value)),
        1 => proptest::option::of(0_u8..3).prop_map(Event::Command),
        2 => Just(Event::Passwd),
        3 => (any::<bool>(), any::<u8>(), any::<u8>()).prop_map(|(worker, old, new)| {
            let role = if worker { Role::Worker } else { Role::ControlPlane };
            Event::Replace { role, old, new }
        }),
    ]
}

fn order() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..60)
}

fn disturbed() -> impl Strategy<Value = Disturbed> {
    (order(), 0_u8..100, proptest::option::of(0_usize..60)).prop_map(|(order, failures, cut_off)| Disturbed {
        order,
        failures,
        cut_off,
    })
}

fn name(number: u8) -> MachineName {
    MachineName(format!("10.0.0.{number}"))
}

fn happen(world: &mut World, wished: &mut Wished, event: &Event) {
    match event {
        Event::Wish { control_planes, workers } => *wished = (control_planes.clone(), workers.clone()),
        Event::Off(number) => world.power(&name(*number), false),
        Event::On(number) => world.power(&name(*number), true),
        Event::Reinstall(number) => world.reinstall(&name(*number)),
        Event::Label(number, value) => {
            let labels = value.iter().map(|value| ("zone".to_owned(), value.to_string()));
            world.relabel(&name(*number), labels.collect::<BTreeMap<_, _>>());
        }
        Event::Argument(number, value) => {
            let arguments = value.iter().map(|value| ("max-pods".to_owned(), value.to_string()));
            world.instruct(&name(*number), arguments.collect::<BTreeMap<_, _>>());
        }
        Event::Command(value) => world.command(value.iter().map(|value| format!("echo {value}")).collect()),
        Event::Passwd => world.change_credentials(),
        Event::Replace { role, old, new } => {
            let of_role = if *role == Role::Worker { &mut wished.1 } else { &mut wished.0 };
            replace(of_role, *old, *new);
        }
    }
}

fn replace(wished: &mut BTreeSet<u8>, old: u8, new: u8) {
    let outside: Vec<u8> = (1..=5).filter(|number| !wished.contains(number)).collect();
    let one_of = |numbers: &[u8], which: u8| numbers.get(usize::from(which) % numbers.len().max(1)).copied();
    let inside: Vec<u8> = wished.iter().copied().collect();
    if let (Some(old), Some(new)) = (one_of(&inside, old), one_of(&outside, new)) {
        wished.remove(&old);
        wished.insert(new);
    }
}

fn plan(world: &World, wished: &Wished) -> (Desired, Result<Plan, Problems>) {
    let wish = world.wish(&wished.0, &wished.1);
    let consents = Consents { give_up: world.silent(), ..Consents::default() };
    let plan = apply(&wish, &world.look(), world.authority(), &consents);
    (wish, plan)
}

/// A life: what is wished first, and then events, each with runs that do not go undisturbed. Where it is said, a last run does.
#[derive(Debug, Clone)]
struct Life {
    begin: Wished,
    events: Vec<(Event, Vec<Disturbed>, bool)>,
    /// Of what happens side by side in runs that go undisturbed.
    order: Vec<u8>,
}

fn life() -> impl Strategy<Value = Life> {
    let event = (event(), vec(disturbed(), 0..3), any::<bool>());
    (wish(), vec(event, 1..6), order()).prop_map(|(begin, events, order)| Life { begin, events, order })
}

fn config(cases: u32) -> Config {
    Config { cases, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() }
}

/// Whatever is wished and whatever fails, the last wish is reached, and then nothing is to do.
fn live(mut runner: TestRunner) {
    let outcome = runner.run(&life(), |Life { begin, events, order }| {
        let mut world = World::of_fresh_machines();
        let mut wished = begin;
        reaches(&mut world, &wished, &order)?;
        for (event, runs, settled) in &events {
            happen(&mut world, &mut wished, event);
            for run in runs {
                let (wish, plan) = plan(&world, &wished);
                if let Ok(plan) = plan {
                    let mut fate = Fate::of(&run.order, run.failures, run.cut_off);
                    carry_out(&mut world, &wish, &plan, &mut fate);
                }
            }
            if *settled {
                settles(&mut world, &wished, &order)?;
            }
        }
        // In the end everything is on and nothing fails any more.
        for number in (1..=5).chain(101..=105) {
            world.power(&name(number), true);
        }
        reaches(&mut world, &wished, &order)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_wish_is_reached_whatever_fails() {
    // The same lives every time: others are for PART=fuzz, so that a change is not blamed for what was always there.
    let same = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    live(TestRunner::new_with_rng(config(500), same));
}

mod part_fuzz {
    #[test]
    #[ignore = "PART=fuzz"]
    fn every_wish_is_reached_in_many_lives() {
        super::live(super::TestRunner::new(super::config(30_000)));
    }
}

/// Who answers becomes as wished while others are silent, unless that is refused; who is silent is set aside by name and not
/// spoken to.
fn settles(world: &mut World, wished: &Wished, order: &[u8]) -> Result<(), TestCaseError> {
    let silent = world.silent();
    for _ in 0..4 {
        let (wish, Ok(plan)) = plan(world, wished) else { return Ok(()) };
        let aside: BTreeSet<MachineName> =
            plan.set_aside.iter().filter_map(|problem| problem.machine.clone().map(MachineName)).collect();
        for spec in wish.cluster.machines.iter().filter(|spec| silent.contains(&spec.name)) {
            prop_assert!(aside.contains(&spec.name), "{} is silent and not set aside", spec.name);
        }
        let spoken_to = |step: &&PlannedStep| {
            let of_cluster = [Action::RemoveEtcdMember, Action::DeleteNode].contains(&step.action);
            !of_cluster && step.machine.as_ref().is_some_and(|machine| silent.contains(machine))
        };
        let spoken_to = plan.steps.iter().find(spoken_to);
        prop_assert!(spoken_to.is_none(), "a silent machine is spoken to: {spoken_to:?}");
        if plan.is_empty() {
            if aside.is_subset(&silent) {
                prop_assert_eq!(world.differences(&wish), Vec::<String>::new());
            }
            return Ok(());
        }
        let failures = carry_out(world, &wish, &plan, &mut Fate::kind(order));
        prop_assert!(failures.is_empty(), "{failures:?} in {plan:#?}");
    }
    Err(TestCaseError::fail(format!("there is always something to do: {:#?}", plan(world, wished).1)))
}

/// Plans and carries out until there is nothing to do. What was cut off in the middle may take a second time.
fn reaches(world: &mut World, wished: &Wished, order: &[u8]) -> Result<(), TestCaseError> {
    for _ in 0..3 {
        let (wish, plan) = plan(world, wished);
        let plan = match plan {
            Ok(plan) => plan,
            Err(problems) => return Err(TestCaseError::fail(format!("refused: {problems}"))),
        };
        if plan.is_empty() {
            prop_assert!(plan.set_aside.is_empty(), "{:?}", plan.set_aside);
            prop_assert_eq!(world.differences(&wish), Vec::<String>::new());
            return Ok(());
        }
        let failures = carry_out(world, &wish, &plan, &mut Fate::kind(order));
        prop_assert!(failures.is_empty(), "{failures:?} in {plan:#?}");
    }
    Err(TestCaseError::fail(format!("there is always something to do: {:#?}", plan(world, wished).1)))
}

/// Whatever is wished one time after the other, each wish is one run where nothing fails, in whatever order its steps come.
#[test]
fn one_run_is_enough_when_nothing_fails() {
    proptest!(ProptestConfig::with_cases(200), |(wishes in vec((wish(), order()), 1..5))| {
        let mut world = World::of_fresh_machines();
        for (wished, order) in &wishes {
            let (wish, planned) = plan(&world, wished);
            let Ok(planned) = planned else { continue };
            let failures = carry_out(&mut world, &wish, &planned, &mut Fate::kind(order));
            prop_assert_eq!(failures, Vec::<String>::new());
            prop_assert_eq!(world.differences(&wish), Vec::<String>::new());
            let (_, again) = plan(&world, wished);
            prop_assert!(again.as_ref().is_ok_and(Plan::is_empty), "{:#?}", again);
        }
    });
}

#[test]
fn a_change_that_would_lose_the_quorum_is_refused() {
    let mut world = World::of_fresh_machines();
    let three = (BTreeSet::from([1, 2, 3]), BTreeSet::new());
    let (wish, planned) = plan(&world, &three);
    carry_out(&mut world, &wish, &planned.unwrap(), &mut Fate::kind(&[0]));
    world.power(&name(3), false);
    let (_, planned) = plan(&world, &(BTreeSet::from([2, 3]), BTreeSet::new()));
    let problems = planned.unwrap_err();
    assert_eq!(problems.class(), Class::Quorum, "{problems}");
    assert_eq!(problems.list()[0].machine.as_deref(), Some("10.0.0.1"));
}

/// Machines 1 and 4 vote, 2 takes their place; 1 is dead and 4 healthy. As long as 1 is not out, 4 must not go.
#[test]
fn the_healthy_stay_while_the_dead_are_not_out() {
    let mut world = World::of_fresh_machines();
    for control_planes in [[1, 4].as_slice(), &[1, 2, 4]] {
        reaches(&mut world, &(control_planes.iter().copied().collect(), BTreeSet::new()), &[0]).unwrap();
    }
    world.power(&name(1), false);
    let (_, planned) = plan(&world, &(BTreeSet::from([2]), BTreeSet::new()));
    let planned = planned.unwrap();
    let removal = |machine| {
        let removes = |step: &&PlannedStep| {
            step.action == Action::RemoveEtcdMember && step.machine == Some(name(machine))
        };
        planned.steps.iter().find(removes).unwrap().number
    };
    assert!(ancestors(&planned, removal(4)).contains(&removal(1)), "{planned:#?}");
}

/// A removal was cut off when machine 1 had lost its vote, and nothing else. Then it is wished again, and it has to get a
/// vote before 2 loses the last one.
#[test]
fn who_lost_its_vote_has_to_join_again() {
    let mut world = World::of_fresh_machines();
    for control_planes in [[1].as_slice(), &[1, 2]] {
        reaches(&mut world, &(control_planes.iter().copied().collect(), BTreeSet::new()), &[0]).unwrap();
    }
    let (wish, planned) = plan(&world, &(BTreeSet::from([2]), BTreeSet::new()));
    let planned = planned.unwrap();
    let removal = planned.steps.iter().find(|step| step.action == Action::RemoveEtcdMember).unwrap();
    carry_out(&mut world, &wish, &planned, &mut Fate::of(&[0], 0, Some(removal.number)));
    reaches(&mut world, &(BTreeSet::from([1]), BTreeSet::new()), &[0]).unwrap();
}

/// Machine 3 has the new credentials, and its registry takes the former ones as well, when it falls silent and is given up. It
/// takes them no longer when it is back.
#[test]
fn a_registry_that_was_given_up_does_not_go_on_with_former_credentials() {
    let mut world = World::of_fresh_machines();
    let three = (BTreeSet::from([1, 2, 3]), BTreeSet::from([1]));
    reaches(&mut world, &three, &[0]).unwrap();
    world.change_credentials();
    let (wish, planned) = plan(&world, &three);
    let planned = planned.unwrap();
    let withdrawal = planned.steps.iter().find(|step| step.action == Action::WithdrawCredentials).unwrap();
    carry_out(&mut world, &wish, &planned, &mut Fate::of(&[0], 0, Some(withdrawal.number - 1)));
    world.power(&name(3), false);
    settles(&mut world, &(BTreeSet::from([1, 2]), BTreeSet::from([1])), &[0]).unwrap();
    assert!(world.access.former.is_none(), "those that stay have come to the end");
    world.power(&name(3), true);
    reaches(&mut world, &three, &[0]).unwrap();
}

/// Machine 2 leaves while credentials change: until it has left, care leads the others to its registry, too.
#[test]
fn a_registry_on_its_way_out_takes_new_credentials() {
    let mut world = World::of_fresh_machines();
    let (two, one) = (BTreeSet::from([1, 2]), BTreeSet::from([1]));
    reaches(&mut world, &(two, BTreeSet::from([1])), &[0]).unwrap();
    world.change_credentials();
    reaches(&mut world, &(one, BTreeSet::from([1])), &[0]).unwrap();
    assert!(world.access.former.is_none());
}

/// Machine 2 falls silent, so 5 cannot join and is set aside. It comes as nobody, and nothing is done for it time and again.
#[test]
fn a_machine_that_cannot_join_yet_gets_no_credentials() {
    let mut world = World::of_fresh_machines();
    let three = (BTreeSet::from([2, 3, 4]), BTreeSet::new());
    reaches(&mut world, &three, &[0]).unwrap();
    world.change_credentials();
    world.power(&name(2), false);
    let four = (BTreeSet::from([2, 3, 4, 5]), BTreeSet::new());
    settles(&mut world, &four, &[0]).unwrap();
    world.power(&name(2), true);
    reaches(&mut world, &four, &[0]).unwrap();
    assert!(world.access.former.is_none());
}

/// Returns every step that must have succeeded before this one.
fn ancestors(plan: &Plan, number: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![number];
    while let Some(number) = open.pop() {
        open.extend(plan.steps[number - 1].needs.iter().filter(|needed| found.insert(**needed)));
    }
    found
}
