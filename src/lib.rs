//! sealift: a whole Kubernetes cluster in one OCI image, launched on any machines that answer SSH.
//!
//! The rooms of this house and the direction in which they may use each other are drawn in
//! `docs/architecture.md`; `tests/house.rs` holds the code to that map.

pub mod cli;

pub mod ui;

pub mod ops;

pub mod agent;

pub mod steps;

pub mod engine;

pub mod cluster;

pub mod distribute;
pub mod etcd;
pub mod image;

pub mod ha;

pub mod provider;

pub mod remote;

pub mod wire;

pub mod clusterfile;
pub mod configs;
pub mod kubeadm;
pub mod plan;
pub mod quorum;
pub mod template;

pub mod error;
pub mod fsx;
pub mod model;
pub mod redact;
pub mod render;
mod suggest;
pub mod yaml;
