//! Plans carried out on the model: in any order that their dependencies allow, with failures, or cut off.

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
    /// No failure, and the first step that can begin begins.
    pub(super) fn kind() -> Self {
        Self::of(&[0], 0, None)
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

/// What needs a step that did not succeed never begins.
fn skip(plan: &Plan, ended: &mut [Option<bool>]) {
    for step in &plan.steps {
        if ended[step.number].is_none() && step.needs.iter().any(|number| ended[*number] == Some(false)) {
            ended[step.number] = Some(false);
        }
    }
}
