//! kubeadm.yml as a pure function of defaults, what was observed, the image's file, the operator's documents and the cluster's
//! identity, from the weakest to the strongest. Every value keeps where it comes from.

mod api;
mod arguments;
mod builtin;
mod change;
mod check;
mod computed;
mod conflict;
mod explain;
mod families;
mod layers;
mod merge;
mod origin;
mod render;
mod schema;
mod tree;

#[cfg(test)]
mod tests;

pub use change::changes;
pub use computed::{NOT_OF_A_FILE, cgroup_driver};
pub use families::{BOTH_FAMILIES_SINCE, NodeMasks};
pub use render::{
    API_NAME, API_PORT, ClusterSettings, ImageSource, JOIN_TOKEN, JoinTicket, NodeSettings, ProxyMode,
    Rendering, init, join, patches_directory, remade,
};
