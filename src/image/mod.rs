//! Cluster images: the store, the build, archives and the contract with the cluster.

pub mod archive;
pub mod build;
pub mod collect;
pub mod contract;
mod deliver;
mod document;
pub mod kubefile;
mod layer;
pub mod outgoing;
mod passage;
mod reference;
mod replicate;
mod served;
pub mod store;
#[cfg(test)]
mod testing;
mod token_service;

pub use contract::{ClusterImage, Rendering, Script};
pub use deliver::deliver;
pub use layer::LayerFacts;
pub use reference::ImageReference;
pub use replicate::replicate;
pub use served::ServedRegistry;
pub use store::{Image, ImageConfig, Store};
pub use token_service::refuse_open_realm;
