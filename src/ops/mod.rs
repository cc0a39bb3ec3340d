//! What a command does, as a story of a few lines: observe, plan, confirm, execute, save.

mod agents;
mod context;
mod contract;
mod execute;
mod images;
mod intact;
mod journal;
mod launch;
mod login;
mod observe;
mod reach;
mod remove;
mod secrets;

pub mod reporter;
pub mod view;

pub use context::Context;
pub use images::{build, images, inspect, load, remove_image, save};
pub use launch::{Hosts, LaunchRequest, launch};
pub use login::LoginRequest;
pub use remove::{RemoveRequest, remove};
pub use reporter::{Data, Question, Reporter};
pub use secrets::new_id;
pub use view::{
    Certainty, Disruption, Ending, HalfDone, PlanGroup, PlanView, PlannedStep, StepTiming, Summary,
};
