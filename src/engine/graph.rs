//! The graph of steps: what comes before what.

use super::event::StepNumber;
use super::step::Step;

/// How a step stands to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// It can only begin when that one has succeeded.
    Needs(StepNumber),
    /// It begins when that one has ended, however it ended: a worker that failed is set aside.
    Follows(StepNumber),
}

impl Dependency {
    /// Returns the earlier step.
    pub fn step(self) -> StepNumber {
        match self {
            Self::Needs(step) | Self::Follows(step) => step,
        }
    }
}

/// A step in its place.
pub(super) struct Node {
    pub(super) step: Box<dyn Step>,
    pub(super) after: Vec<Dependency>,
}

/// Steps and their order. A step can only depend on steps that were added before it, so there are no cycles.
#[derive(Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
}

impl Graph {
    /// Adds a step and returns its number.
    ///
    /// # Panics
    /// If a dependency names a step that was not added yet, which is a defect of the caller.
    pub fn add(&mut self, step: Box<dyn Step>, after: Vec<Dependency>) -> StepNumber {
        assert!(after.iter().all(|dependency| (1..=self.nodes.len()).contains(&dependency.step())));
        self.nodes.push(Node { step, after });
        self.nodes.len()
    }

    /// Returns how many steps there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
