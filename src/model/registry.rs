//! How an image's registry is run.

use serde::{Deserialize, Serialize};

/// How an image's registry is run, and so how it is told where to listen and with which certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryStyle {
    /// `registry.service` reads a configuration, which is edited; as in sealos's images.
    Unit,
    /// A container, told by its script's arguments and by certificates in the rootfs; as in sealer's images.
    Container,
}
