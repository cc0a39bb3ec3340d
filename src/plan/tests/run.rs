//! Plans carried out on the model: in any order that their dependencies allow, with failures, or cut off.

use std::collections::BTreeSet;

use super::super::*;
use super::world::World;

/// What is decided while a plan is carried out, taken from bytes so that what fails can be made smaller.
pub(super) struct Fate<'a> {
    bytes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    /// Of 256 steps, how many fail; half of them after they have done their work.
    pub(super) failures: u8,
    /// After how many steps the run is cut off.
    pub(super) cut_off: Option<usize>,
}

impl<'a> Fate<'a> {
    /// No failure, in this order as far as the steps' dependencies allow it.
    pub(super) fn kind(order: &'a [u8]) -> Self {
        Self::of(order, 0, None)
    }

    pub(super) fn of(bytes: &'a [u8], failures: u8, cut_off: Option<usize>) -> Self {
        Self { bytes: bytes.iter().cycle(), failures, cut_off }
    }

    fn next(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }
}

/// Carries out what `fate` lets happen and returns what failed.
pub(super) fn carry_out(world: &mut World, wish: &Desired, plan: &Plan, fate: &mut Fate<'_>) -> Vec<String> {
    if plan.is_empty() {
        return vec![];
    }
    assert_votes_change_in_order(world, plan);
    world.begin(wish);
    let mut ended: Vec<Option<bool>> = vec![None; plan.steps.len() + 1];
    let mut failures = Vec::new();
    for round in 0.. {
        if fate.cut_off == Some(round) {
            failures.push("cut off".to_owned());
            break;
        }
        skip(plan, &mut ended);
        let can_begin = |step: &&PlannedStep| {
            ended[step.number].is_none()
                && step.needs.iter().all(|number| ended[*number] == Some(true))
                && step.follows.iter().all(|number| ended[*number].is_some())
        };
        let possible: Vec<&PlannedStep> = plan.steps.iter().filter(can_begin).collect();
        let Some(step) = possible.get(usize::from(fate.next()) % possible.len().max(1)) else { break };
        let luck = fate.next();
        let result = match luck {
            luck if luck < fate.failures / 2 => Err("it failed before it did anything".to_owned()),
            luck if luck < fate.failures => {
                world.act(step, wish).and_then(|()| Err("its answer was lost".to_owned()))
            }
            _ => world.act(step, wish),
        };
        ended[step.number] = Some(result.is_ok());
        failures.extend(result.err().map(|error| format!("{step:?}: {error}")));
    }
    failures
}

/// Steps take time, and those that can begin do so at once, which the model does not show: what changes etcd's members must not be
/// left to luck. One change follows the other, and a healthy member goes when all others have come.
fn assert_votes_change_in_order(world: &World, plan: &Plan) {
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new()];
    let mut changes: Vec<&PlannedStep> = Vec::new();
    for step in &plan.steps {
        let direct = step.needs.iter().chain(&step.follows);
        let all = direct.flat_map(|number| before[*number].iter().chain([number])).copied().collect();
        before.push(all);
        let changing = [Action::Init, Action::JoinControlPlane, Action::RemoveEtcdMember];
        if !changing.contains(&step.action) {
            continue;
        }
        for earlier in &changes {
            let ordered = before[step.number].contains(&earlier.number);
            assert!(ordered, "two changes of etcd's members at once: {earlier:?} and {step:?}");
            let healthy_left = earlier.action == Action::RemoveEtcdMember
                && earlier.machine.as_ref().is_some_and(|machine| world.has_healthy_member(machine));
            let joins = step.action != Action::RemoveEtcdMember;
            assert!(!(joins && healthy_left), "{step:?} comes after a healthy one has gone: {earlier:?}");
        }
        changes.push(step);
    }
}

/// What needs a step that did not succeed never begins.
fn skip(plan: &Plan, ended: &mut [Option<bool>]) {
    for step in &plan.steps {
        if ended[step.number].is_none() && step.needs.iter().any(|number| ended[*number] == Some(false)) {
            ended[step.number] = Some(false);
        }
    }
}
