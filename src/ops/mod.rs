//! What a command does, as a story of a few lines: observe, plan, confirm, execute, save.

mod agents;
mod apply;
mod clusterfiles;
mod consent;
mod context;
mod contract;
mod converge;
mod declare;
mod execute;
mod files;
mod fold;
mod get;
mod images;
mod intact;
mod journal;
mod known;
mod lock;
mod login;
mod machines;
mod mermaid;
mod observe;
mod pace;
mod plan;
mod preflight;
mod reach;
mod record;
mod recover;
mod registry;
mod remove;
mod render;
mod resolve;
mod run;
mod saved_plan;
mod scale;
mod scene;
mod secrets;
mod stale;
mod status;
#[cfg(test)]
mod testing;
mod uninstall;

pub mod reporter;
pub mod view;

pub use apply::{ApplyRequest, Declaration, apply};
pub use clusterfiles::{InitRequest, convert, init, schema};
pub use consent::{Consent, Force, Removal};
pub use context::{Context, Operator};
pub use declare::{ByRole, Change, Clusterfile, Hosts, Place, RunRequest};
pub use execute::shown;
pub use fold::{Told, fold};
pub use get::{GetRequest, get};
pub use images::{build, images, inspect, load, remove_image, save};
pub use journal::Journal;
pub use login::LoginRequest;
pub use machines::{Machines, OverSsh};
pub use mermaid::graph as plan_graph;
pub use pace::Pace;
pub use plan::{PlanForm, PlanRequest, plan};
pub use registry::{
    ListRegistryRequest, PasswdRequest, PushRequest, ServedImage, change_credentials, list_registry,
    push_images,
};
pub use remove::{RemoveRequest, Which, remove};
pub use render::{RenderRequest, Sources, render};
pub use reporter::{Data, Question, Reporter};
pub use run::run;
pub use scale::{ScaleRequest, scale};
pub use secrets::new_id;
pub use status::{
    ApiStatus, ApplicationStatus, CertificateStatus, ClusterStatus, MachineStatus, MemberStatus,
    ReceiptStatus, RunStatus, StatusRequest, status,
};
pub use uninstall::{UninstallRequest, uninstall};
pub use view::{
    Affected, Certainty, Disruption, Ending, HalfDone, PlanGroup, PlanView, PlannedStep, StepTiming, Summary,
};
