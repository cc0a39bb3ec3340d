//! The cluster as its API shows it: Nodes, system pods, what was launched, and what we keep in it.

mod api;
mod applications;
mod configuration;
mod drain;
mod fleet;
mod joining;
mod keep;
mod kube_proxy;
mod kubeadm_config;
mod lease;
mod lock;
mod nodes;
mod state;
mod system;
#[cfg(test)]
pub(crate) mod testing;
mod watch;

pub use api::Api;
pub use fleet::Fleet;
pub use kube_proxy::KubeProxy;
pub use lock::{Keepers, Lock, Patience};
