//! The words all rooms share: digests, addresses, roles, versions, machines and the desired cluster.

mod address;
mod arch;
mod cluster;
mod digest;
mod role;
mod version;

pub use address::{HostList, SshAddress};
pub use arch::Arch;
pub use cluster::{Cluster, Environment, ImageName, MachineName, MachineSpec, Network};
pub use digest::{Digest, DigestWriter};
pub use role::Role;
pub use version::KubernetesVersion;
