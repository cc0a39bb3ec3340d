//! kubeadm.yml as a pure function of defaults, what was observed, the image's file and the cluster's identity.

mod arguments;
mod documents;
mod merge;
mod render;

pub use render::{
    API_NAME, API_PORT, ClusterSettings, ImageSource, JOIN_TOKEN, JoinTicket, NodeSettings, ProxyMode,
    cgroup_driver, init, join,
};
