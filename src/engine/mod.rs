//! Executes a graph of steps: parallel, limited, retried, cancelled, recorded; knows no Kubernetes.

mod event;
mod execute;
mod graph;
mod limits;
mod report;
mod room;
mod schedule;
mod step;
#[cfg(test)]
mod tests;

pub use event::{Event, Observer, Outcome, StepNumber};
pub use execute::execute;
pub use graph::{Dependency, Graph};
pub use limits::{Limits, MaxUnavailable, OnFailure, Policy};
pub use report::Report;
pub use step::{Acted, Availability, Lane, Progress, Since, Step};
