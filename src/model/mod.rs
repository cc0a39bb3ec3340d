//! The words all rooms share: digests, addresses, roles, versions, machines and the desired cluster.

mod address;
mod arch;
mod bundle;
mod cluster;
mod component_document;
mod config;
mod configuration;
mod contract;
mod declared;
mod digest;
mod facts;
mod holder;
mod hook;
mod login;
pub mod network_rules;
mod node;
mod node_change;
mod places;
mod ranges;
mod registry;
mod role;
mod subnets;
mod version;

pub use address::{HostList, LARGEST_RANGE, SshAddress};
pub use arch::Arch;
pub use bundle::{Bundle, BundledApplication};
pub use cluster::{Cluster, Environment, ImageName, ImageWishes, MachineName, MachineSpec, Network, Undoing};
pub use component_document::{ComponentDocument, Places, sorted};
pub use config::{Config, PlacedConfig, Process, Strategy};
pub use configuration::{Configuration, DocumentChange, FieldChange, Part, Remade};
pub use contract::{
    Compression, ImageContract, ImageKind, LayerContent, LayerInfo, LayerOrder, Scripts, base_images,
};
pub use declared::{
    Declared, DeclaredAuthority, DeclaredDocument, DeclaredMachine, DeclaredMachines, DeclaredNetwork,
    DeclaredRegistry, HostAlias, MachineOrder, RegistryKind,
};
pub use digest::{Digest, DigestWriter};
pub use facts::{
    ApiFacts, Baseline, CertificateFacts, ControlGroups, Entrance, EtcdMember, Holdings, Intent, Interface,
    Kubeconfig, Launched, MachineFacts, Marker, NodeFacts, Observed, OursOnNode, Receipt, Room, Seen,
    UnitState,
};
pub use holder::Holder;
pub use hook::{DeclaredHook, Hook, HookPhase, HookRun, HookScope};
pub use login::{DeclaredLogin, Login, SecretPlace, SecretReference};
pub use node::{NodeWishes, Taint, TaintEffect, TaintKey};
pub use node_change::NodeChange;
pub use places::{data, rootfs};
pub use ranges::ranges;
pub use registry::{
    ClusterRegistry, ExternalName, ExternalRegistry, ManifestOrder, RegistryDoor, RegistryStyle,
    RegistryUser, ServedRepository,
};
pub use role::Role;
pub use subnets::{Family, Subnets};
pub use version::KubernetesVersion;

/// A boxed future, for traits whose implementations stand in one list.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
