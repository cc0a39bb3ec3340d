//! The five kinds of documents in a kubeadm.yml, read from an image and written for one version of kubeadm.

use serde_json::Value;

use super::arguments;
use super::merge::merge;
use crate::error::{Class, Problem, Result};
use crate::model::KubernetesVersion;
use crate::yaml;

/// The kinds that kubeadm reads.
const KINDS: [&str; 5] = [
    "InitConfiguration",
    "ClusterConfiguration",
    "JoinConfiguration",
    "KubeletConfiguration",
    "KubeProxyConfiguration",
];

/// Returns the API version of kubeadm's own documents that this version's kubeadm writes itself.
pub(super) fn kubeadm_api(version: &KubernetesVersion) -> Result<&'static str> {
    match version.minor() {
        31.. => Ok("kubeadm.k8s.io/v1beta4"),
        22..=30 => Ok("kubeadm.k8s.io/v1beta3"),
        _ => Err(Problem::new(Class::Config, format!("Kubernetes {version} is older than sealift launches"))
            .remedy("use an image of Kubernetes v1.22 or later")),
    }
}

/// Documents by kind, extra arguments in the list form.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents(Vec<(String, Value)>);

impl Documents {
    /// Reads an image's `etc/kubeadm.yml`; `name` is what problems call the file.
    pub(super) fn read(name: &str, text: &str) -> Result<Self> {
        let mut documents = Self::default();
        for document in yaml::documents(name, text)? {
            let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            if !KINDS.contains(&kind.as_str()) {
                return Err(Problem::new(
                    Class::Config,
                    format!("{name}: `{kind}` is not a kind that kubeadm reads"),
                )
                .remedy(format!("the kinds are {}", KINDS.join(", "))));
            }
            documents.lay(&kind, document);
        }
        Ok(documents)
    }

    /// Lays one document over what is there of its kind.
    pub(super) fn lay(&mut self, kind: &str, mut document: Value) {
        arguments::to_lists(&mut document);
        match self.0.iter_mut().find(|(present, _)| present == kind) {
            Some((_, under)) => merge(under, document),
            None => self.0.push((kind.to_owned(), document)),
        }
    }

    /// Lays all of `over` on these.
    pub(super) fn lay_all(&mut self, over: &Self) {
        for (kind, document) in &over.0 {
            self.lay(kind, document.clone());
        }
    }

    /// Returns one document's field by its path, as a JSON pointer.
    pub(super) fn field(&self, kind: &str, pointer: &str) -> Option<&Value> {
        self.0.iter().find(|(present, _)| present == kind)?.1.pointer(pointer)
    }

    /// Writes the documents of these kinds, in this order, for this version of kubeadm.
    pub(super) fn write(&self, kinds: &[&str], version: &KubernetesVersion) -> Result<String> {
        let api = kubeadm_api(version)?;
        let mut texts = Vec::new();
        for kind in kinds {
            let Some((_, document)) = self.0.iter().find(|(present, _)| present == kind) else { continue };
            let mut document = document.clone();
            if api.ends_with("v1beta3") {
                arguments::to_maps(&mut document);
            }
            let api = match *kind {
                "KubeletConfiguration" => "kubelet.config.k8s.io/v1beta1",
                "KubeProxyConfiguration" => "kubeproxy.config.k8s.io/v1alpha1",
                _ => api,
            };
            let mut whole = serde_json::json!({"apiVersion": api, "kind": kind});
            merge(&mut whole, document);
            whole["apiVersion"] = api.into();
            texts.push(yaml::to_string(&whole)?);
        }
        Ok(texts.join("---\n"))
    }
}
