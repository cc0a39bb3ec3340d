//! What the components of a cluster that runs are configured by, as far as it is known: a digest for each part of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Digest;

/// Components that are configured together, by one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The control plane: API server, controller manager, scheduler, etcd.
    ControlPlane,
    /// Every machine's kubelet.
    Kubelet,
    /// Every machine's kube-proxy.
    KubeProxy,
}

impl Part {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::ControlPlane, Self::Kubelet, Self::KubeProxy];

    /// Returns the kind of the document that configures it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::ControlPlane => "ClusterConfiguration",
            Self::Kubelet => "KubeletConfiguration",
            Self::KubeProxy => "KubeProxyConfiguration",
        }
    }

    /// Returns the name under which a machine keeps the receipt of it, and the cluster what it was given.
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane-configuration",
            Self::Kubelet => "kubelet-configuration",
            Self::KubeProxy => "kube-proxy-configuration",
        }
    }
}

/// The digests of what each part was told.
pub type Configuration = BTreeMap<Part, Digest>;

/// What of a control plane is made anew when its configuration changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Remade {
    /// The API server's certificate.
    Certificate,
    /// etcd.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controller manager.
    ControllerManager,
    /// The scheduler.
    Scheduler,
}

impl Remade {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Certificate, Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler];

    /// Returns what people call it.
    pub fn told(self) -> &'static str {
        match self {
            Self::Certificate => "the API server's certificate",
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }
}

/// A field of a document that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// Where it is in the document: `apiServer.extraArgs.profiling`.
    pub field: String,
    /// What it was; none where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it becomes; none where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A document by which components of a cluster that runs will be configured otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentChange {
    /// Its kind.
    pub kind: String,
    /// What changes in it.
    pub fields: Vec<FieldChange>,
    /// What else there is to know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
