//! The room there is for steps side by side: what each takes while it runs, and what a failure keeps taken.

use std::collections::HashMap;

use super::event::StepNumber;
use super::limits::Limits;
use super::step::{Availability, Lane, Step};

/// A machine, by the order in which machines first come in the plan.
pub(super) type MachineIndex = usize;

/// What a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) machine: Option<MachineIndex>,
    pub(super) lane: Lane,
    pub(super) availability: Availability,
}

impl Demand {
    pub(super) fn of(step: &dyn Step, machine: Option<MachineIndex>) -> Self {
        Self { machine, lane: step.lane(), availability: step.availability() }
    }

    /// Returns the machine that the step interrupts, if it does.
    pub(super) fn interrupts(&self) -> Option<MachineIndex> {
        self.machine.filter(|_| self.availability == Availability::Interrupted)
    }
}

/// How a step ended, as far as others are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Badly,
}

/// What is taken of what there is.
pub(super) struct Room {
    limits: Limits,
    machines: usize,
    transfers: usize,
    bytes: u64,
    unavailable: HashMap<MachineIndex, Unavailable>,
    /// Machines that stay unavailable until the run ends.
    broken: usize,
    /// The step that broke the last one of them.
    broke: Option<StepNumber>,
}

/// Why a machine is unavailable.
#[derive(Default)]
struct Unavailable {
    /// Steps that run and interrupt it.
    running: usize,
    /// Whether one of them failed.
    broken: bool,
}

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        let unavailable = HashMap::new();
        Self { limits, machines: 0, transfers: 0, bytes: 0, unavailable, broken: 0, broke: None }
    }

    /// Tells whether a step may begin now.
    pub(super) fn fits(&self, demand: &Demand) -> bool {
        let place = demand.machine.is_none() || self.machines < self.limits.machines.get();
        let way = match demand.lane {
            Lane::Work => true,
            // What has more bytes than may ever be on their way goes alone.
            Lane::Transfer { bytes } => {
                self.transfers == 0
                    || (self.transfers < self.limits.transfers.get()
                        && self.bytes.saturating_add(bytes) <= self.limits.bytes)
            }
        };
        let available = demand.interrupts().is_none_or(|machine| {
            self.unavailable.contains_key(&machine)
                || self.limits.unavailable.is_none_or(|most| self.unavailable.len() < most.get())
        });
        place && way && available
    }

    /// Returns the step whose failure keeps this one from ever beginning: one machine more would be unavailable than
    /// may be, and those that are stay so.
    pub(super) fn never(&self, demand: &Demand) -> Option<StepNumber> {
        let machine = demand.interrupts()?;
        let most = self.limits.unavailable?;
        let exhausted = self.broken >= most.get() && !self.unavailable.contains_key(&machine);
        self.broke.filter(|_| exhausted)
    }

    pub(super) fn enter(&mut self, demand: &Demand) {
        self.machines += usize::from(demand.machine.is_some());
        if let Lane::Transfer { bytes } = demand.lane {
            self.transfers += 1;
            self.bytes = self.bytes.saturating_add(bytes);
        }
        if let Some(machine) = demand.interrupts() {
            self.unavailable.entry(machine).or_default().running += 1;
        }
    }

    pub(super) fn leave(&mut self, step: StepNumber, demand: &Demand, end: End) {
        self.machines -= usize::from(demand.machine.is_some());
        if let Lane::Transfer { bytes } = demand.lane {
            self.transfers -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        let Some(machine) = demand.interrupts() else { return };
        let Some(unavailable) = self.unavailable.get_mut(&machine) else { return };
        unavailable.running -= 1;
        if end == End::Badly && !unavailable.broken {
            unavailable.broken = true;
            self.broken += 1;
            self.broke = Some(step);
        }
        if unavailable.running == 0 && !unavailable.broken {
            self.unavailable.remove(&machine);
        }
    }
}
