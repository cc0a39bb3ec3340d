//! Kubernetes versions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Class, Problem};

/// A Kubernetes version, written with its leading `v`: `v1.36.3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KubernetesVersion(semver::Version);

impl KubernetesVersion {
    /// Returns the minor number: 36 of v1.36.3.
    pub fn minor(&self) -> u64 {
        self.0.minor
    }
}

impl FromStr for KubernetesVersion {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).map(Self).map_err(|_| {
            Problem::new(Class::Config, format!("`{text}` is not a Kubernetes version"))
                .remedy("write it like `v1.36.3`")
        })
    }
}

impl TryFrom<String> for KubernetesVersion {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<KubernetesVersion> for String {
    fn from(version: KubernetesVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}
