//! Which step begins when: what it waits for is counted, never searched. Runs nothing and knows no clock.

use std::collections::{BTreeSet, HashMap};

use super::event::StepNumber;
use super::graph::{Dependency, Node};
use super::limits::{OnFailure, Policy};
use super::room::{Demand, End, MachineIndex, Room};
use super::step::Lane;

/// A step that never begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Skip {
    pub(super) step: StepNumber,
    /// The step whose end is the reason.
    pub(super) because: StepNumber,
}

/// The steps of a run, each on its way from waiting to ended.
pub(super) struct Schedule {
    on_failure: OnFailure,
    steps: Vec<Entry>,
    ready: Ready,
    room: Room,
}

struct Entry {
    stage: Stage,
    demand: Demand,
    /// How many dependencies have not ended.
    open: usize,
    /// The later steps that wait for this one, each in the way it does.
    dependants: Vec<Dependency>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Ready,
    Running,
    Ended,
}

/// Steps that could begin if there were room, apart by what they need room of, each in the order of the plan.
#[derive(Default)]
struct Ready {
    /// They work on the cluster as a whole.
    anywhere: BTreeSet<StepNumber>,
    /// They work on machines.
    working: BTreeSet<StepNumber>,
    /// They send bytes. A large one at the head is waited for, so that it has its turn.
    sending: BTreeSet<StepNumber>,
    /// They interrupt their machines.
    interrupting: BTreeSet<StepNumber>,
}

impl Ready {
    fn queue(&mut self, demand: &Demand) -> &mut BTreeSet<StepNumber> {
        match (demand.interrupts(), demand.lane, demand.machine) {
            (Some(_), ..) => &mut self.interrupting,
            (None, Lane::Transfer { .. }, _) => &mut self.sending,
            (None, Lane::Work, Some(_)) => &mut self.working,
            (None, Lane::Work, None) => &mut self.anywhere,
        }
    }
}

impl Schedule {
    pub(super) fn new(nodes: &[Node], policy: Policy) -> Self {
        let mut machines: HashMap<&str, MachineIndex> = HashMap::new();
        let mut steps: Vec<Entry> = nodes
            .iter()
            .map(|node| {
                let next = machines.len();
                let machine = node.step.machine().map(|name| *machines.entry(name).or_insert(next));
                let demand = Demand::of(node.step.as_ref(), machine);
                Entry { stage: Stage::Waiting, demand, open: node.after.len(), dependants: vec![] }
            })
            .collect();
        for (index, node) in nodes.iter().enumerate() {
            for dependency in &node.after {
                let dependant = match dependency {
                    Dependency::Needs(_) => Dependency::Needs(index + 1),
                    Dependency::Follows(_) => Dependency::Follows(index + 1),
                };
                steps[dependency.step() - 1].dependants.push(dependant);
            }
        }
        let mut schedule = Self {
            on_failure: policy.on_failure,
            steps,
            ready: Ready::default(),
            room: Room::new(policy.limits),
        };
        for number in 1..=schedule.steps.len() {
            if schedule.entry(number).open == 0 {
                schedule.make_ready(number);
            }
        }
        schedule
    }

    /// Returns the next step that begins, if there is one for which there is room. It runs from now on.
    pub(super) fn begin(&mut self) -> Option<StepNumber> {
        let fits = |number: &&StepNumber| self.room.fits(&self.steps[**number - 1].demand);
        let Ready { anywhere, working, sending, interrupting } = &self.ready;
        let heads = [anywhere.first(), working.first(), sending.first()];
        let candidates = heads.into_iter().flatten().filter(fits).chain(interrupting.iter().find(fits));
        let number = *candidates.min()?;
        let demand = self.entry(number).demand;
        self.ready.queue(&demand).remove(&number);
        self.room.enter(&demand);
        self.entry(number).stage = Stage::Running;
        Some(number)
    }

    /// Takes the end of a step that ran, and returns those that never begin because of it, in order.
    pub(super) fn end(&mut self, number: StepNumber, end: End) -> Vec<Skip> {
        let demand = self.entry(number).demand;
        self.room.leave(number, &demand, end);
        self.entry(number).stage = Stage::Ended;
        let mut skips = Vec::new();
        if end == End::Badly && self.on_failure == OnFailure::BeginNothing {
            skips.extend(self.stop().into_iter().map(|step| Skip { step, because: number }));
        } else {
            self.settle(vec![(number, end)], &mut skips);
            self.give_up_interrupting(&mut skips);
        }
        skips.sort_unstable();
        skips
    }

    /// Lets nothing begin any more, and returns what has not begun.
    pub(super) fn stop(&mut self) -> Vec<StepNumber> {
        self.ready = Ready::default();
        let mut left = Vec::new();
        for (index, entry) in self.steps.iter_mut().enumerate() {
            if matches!(entry.stage, Stage::Waiting | Stage::Ready) {
                entry.stage = Stage::Ended;
                left.push(index + 1);
            }
        }
        left
    }

    fn entry(&mut self, number: StepNumber) -> &mut Entry {
        &mut self.steps[number - 1]
    }

    /// Tells those that wait for `ended`, and in turn those that wait for what never begins because of it.
    fn settle(&mut self, mut ended: Vec<(StepNumber, End)>, skips: &mut Vec<Skip>) {
        while let Some((number, end)) = ended.pop() {
            for dependant in std::mem::take(&mut self.entry(number).dependants) {
                let step = dependant.step();
                let entry = self.entry(step);
                if entry.stage != Stage::Waiting {
                    continue;
                }
                entry.open -= 1;
                let reason = match dependant {
                    Dependency::Needs(_) if end == End::Badly => Some(number),
                    _ if entry.open > 0 => continue,
                    _ => self.make_ready(step),
                };
                if let Some(because) = reason {
                    self.entry(step).stage = Stage::Ended;
                    skips.push(Skip { step, because });
                    ended.push((step, End::Badly));
                }
            }
        }
    }

    /// Puts a step among those that begin as soon as there is room. If there will never be, returns the step that is the
    /// reason.
    fn make_ready(&mut self, number: StepNumber) -> Option<StepNumber> {
        let demand = self.entry(number).demand;
        let reason = self.room.never(&demand);
        if reason.is_none() {
            self.entry(number).stage = Stage::Ready;
            self.ready.queue(&demand).insert(number);
        }
        reason
    }

    /// Skips what would make too many machines unavailable, now that as many as may be will stay so.
    fn give_up_interrupting(&mut self, skips: &mut Vec<Skip>) {
        let never = |number: &StepNumber| {
            self.room.never(&self.steps[*number - 1].demand).map(|because| Skip { step: *number, because })
        };
        let given_up: Vec<Skip> = self.ready.interrupting.iter().filter_map(never).collect();
        for skip in given_up {
            self.ready.interrupting.remove(&skip.step);
            self.entry(skip.step).stage = Stage::Ended;
            skips.push(skip);
            self.settle(vec![(skip.step, End::Badly)], skips);
        }
    }
}
