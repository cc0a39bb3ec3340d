//! Executes a graph of steps: parallel, limited, retried, cancelled, recorded; knows no Kubernetes.

mod event;
mod execute;
mod graph;
mod step;

pub use event::{Event, Observer, Outcome, StepNumber};
pub use execute::{Limits, Report, execute};
pub use graph::{Dependency, Graph};
pub use step::{Acted, Lane, Progress, Step};
