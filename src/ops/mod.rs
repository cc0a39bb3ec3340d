//! What a command does, as a story of a few lines: observe, plan, confirm, execute, save.

mod agents;
mod context;
mod contract;
mod converge;
mod declare;
mod execute;
mod images;
mod intact;
mod journal;
mod login;
mod machines;
mod observe;
mod preflight;
mod reach;
mod remove;
mod resolve;
mod run;
mod secrets;

pub mod reporter;
pub mod view;

pub use context::Context;
pub use declare::{Hosts, RunRequest};
pub use images::{build, images, inspect, load, remove_image, save};
pub use login::LoginRequest;
pub use machines::{Machines, OverSsh};
pub use remove::{RemoveRequest, remove};
pub use reporter::{Data, Question, Reporter};
pub use run::run;
pub use secrets::new_id;
pub use view::{
    Certainty, Disruption, Ending, HalfDone, PlanGroup, PlanView, PlannedStep, StepTiming, Summary,
};
