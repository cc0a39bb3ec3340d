//! What is launched: images, and the machines they are put on.

use std::net::IpAddr;
use std::path::Path;

use sealift::model::Role;
use sealift::provider::container::MadeMachine;

use crate::machines::Shape;

/// The image that brings Kubernetes.
pub(crate) const KUBERNETES: &str = "kubernetes:v1.36.3";
/// The image that brings the pod network.
pub(crate) const POD_NETWORK: &str = "flannel:v0.28.4";

/// One launch.
pub(crate) struct Launch {
    pub(crate) shape: Shape,
    pub(crate) machines: Vec<MadeMachine>,
}

impl Launch {
    pub(crate) fn new(shape: Shape, machines: Vec<MadeMachine>) -> Self {
        Self { shape, machines }
    }

    /// Returns the addresses of the machines of one role.
    pub(crate) fn addresses(&self, role: Role) -> impl Iterator<Item = IpAddr> {
        self.machines.iter().filter(move |machine| machine.role == role).map(|machine| machine.address)
    }

    /// Returns the key that all machines let in.
    pub(crate) fn key(&self) -> Option<&Path> {
        self.machines.first().map(|machine| machine.ssh_key.as_path())
    }

    /// Returns what a machine does, by its address: what the report calls it.
    pub(crate) fn role(&self, address: &str) -> Option<Role> {
        let found = self.machines.iter().find(|machine| machine.address.to_string() == address);
        found.map(|machine| machine.role)
    }
}
