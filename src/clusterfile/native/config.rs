//! A Config in the native form as types, for the schema and the reference.
//!
//! Doc comments here are texts for users.
#![expect(dead_code, reason = "they are what the schema is made of, and nothing else")]

use schemars::JsonSchema;
use serde::Serialize;

use super::types::{ApiVersion, Clusterfile};

/// A document of a Clusterfile: the cluster itself, a Config, which changes a file of an image, or one of Kubernetes.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Clusterfile")]
pub(super) enum Document {
    Cluster(Box<Clusterfile>),
    Config(Box<ConfigDocument>),
    Kubernetes(KubernetesDocument),
}

/// A document of kubeadm, kubelet or kube-proxy, laid over the image's. Its fields depend on the version of Kubernetes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct KubernetesDocument {
    /// Of whom it is, and in which version: `kubeadm.k8s.io/v1beta4`.
    #[schemars(regex(
        pattern = r"^(kubeadm\.k8s\.io|kubelet\.config\.k8s\.io|kubeproxy\.config\.k8s\.io)/"
    ))]
    api_version: String,
    /// What it is: `ClusterConfiguration`.
    kind: String,
}

/// A Config: how a file of an image is changed before it comes to machines.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConfigDocument {
    /// The version of this form.
    api_version: ApiVersion,
    /// What the document is.
    kind: ConfigKind,
    /// What it is called.
    metadata: ConfigMetadata,
    /// What it does.
    spec: ConfigSpec,
}

/// What a document of a Config is.
#[derive(Serialize, JsonSchema)]
enum ConfigKind {
    Config,
}

/// What a Config is called.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigMetadata {
    /// The name by which plans and messages tell of it.
    name: String,
}

/// What a Config does.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigSpec {
    /// The file, from the image's root on.
    path: String,
    /// The image whose file it is; every image that has the file unless said.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    /// How it is changed; `overwrite` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<ConfigStrategy>,
    /// What is made of the data first: `value`, `toJson`, `toBase64`, `toSecret`, several with `|` between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    /// What is put into the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// How a Config changes its file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum ConfigStrategy {
    /// The data's fields are laid over the file's, which is YAML, JSON or TOML.
    Merge,
    /// The data comes before what is in the file.
    Insert,
    /// The data comes after what is in the file.
    Append,
    /// The data is the file.
    Overwrite,
    /// The file is taken away.
    Delete,
}
