//! What a command does, as a story of a few lines: observe, plan, confirm, execute, save.

pub mod reporter;
pub mod view;

pub use reporter::{Data, Question, Reporter};
pub use view::{
    Certainty, Disruption, Ending, HalfDone, PlanGroup, PlanView, PlannedStep, StepTiming, Summary,
};
