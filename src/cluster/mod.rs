//! The cluster as its API shows it: Nodes, system pods, what was launched, and what we keep in it.

mod api;
mod state;

pub use api::Api;
