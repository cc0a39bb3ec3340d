//! sealift: a whole Kubernetes cluster in one OCI image, launched on any machines that answer SSH.
//!
//! The rooms of this house and the direction in which they may use each other are drawn in
//! `docs/architecture.md`; `tests/house.rs` holds the code to that map.

pub mod ui;

pub mod engine;

pub mod ha;
pub mod image;
pub mod provider;
pub mod remote;
pub mod wire;

pub mod render;
pub mod template;

pub mod error;
pub mod model;
