//! The cluster as its API shows it: Nodes, system pods, what was launched, and what we keep in it.

mod api;
mod drain;
mod fleet;
mod joining;
mod kubeadm_config;
mod lease;
mod nodes;
mod state;
mod system;
#[cfg(test)]
pub(crate) mod testing;

pub use api::Api;
pub use fleet::Fleet;
