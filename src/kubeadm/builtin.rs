//! The built-in defaults: `builtin.yml`, written for v1beta2, and what of it holds for another version.

use serde_json::{Value, json};

use super::api::KubeadmApi;
use super::check::keep_known;
use super::layers::{Layers, api_of};
use super::origin::Origin;
use super::render::ClusterSettings;
use super::schema::{self, Gates};
use super::tree::Tree;
use crate::error::Result;
use crate::model::Family;
use crate::yaml;

const TEXT: &str = include_str!("builtin.yml");

/// The registry for whose images the built-in `imageRepository` is meant.
const REGISTRY: &str = "sea.hub";

/// Components that have arguments of their own.
const COMPONENTS: [&str; 3] = ["apiServer", "controllerManager", "scheduler"];

/// Returns the defaults for a version, as the API that its kubeadm reads has them.
pub(super) fn defaults(cluster: &ClusterSettings<'_>, api: KubeadmApi) -> Result<Layers> {
    let minor = cluster.version.minor();
    let mut layers = Layers::new(api);
    for document in yaml::documents("the built-in kubeadm.yml", TEXT)? {
        let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut tree = Tree::of(&document, &Origin::BuiltIn);
        for frame in ["apiVersion", "kind"] {
            tree.take(&[frame]);
        }
        tree.prune();
        fit(&kind, &mut tree, cluster);
        layers.lay(&kind, tree, KubeadmApi::V1beta2);
    }
    for (kind, tree) in layers.documents_mut() {
        keep_known(tree, api_of(kind, api), kind, minor);
    }
    Ok(layers)
}

/// Takes out what is only meant for others, and says the rest in this version's words.
fn fit(kind: &str, tree: &mut Tree, cluster: &ClusterSettings<'_>) {
    match kind {
        "ClusterConfiguration" => {
            if cluster.registry != Some(REGISTRY) {
                tree.take(&["imageRepository"]);
            }
            for component in COMPONENTS {
                arguments(component, tree, cluster.version.minor());
            }
            // Of this address etcd listens in both families, of the other one in IPv4 alone.
            let metrics = ["etcd", "local", "extraArgs", "listen-metrics-urls"];
            if cluster.network.services.family() == Family::V6 && tree.get(&metrics).is_some() {
                tree.set(&metrics, Tree::of(&json!("http://[::]:2381"), &Origin::BuiltIn));
            }
            if !cluster.has_local_time {
                tree.change(&["extraVolumes"], &|volumes| {
                    if let super::tree::Content::List(items) = &mut volumes.content {
                        items
                            .retain(|volume| volume.get(&["name"]).and_then(Tree::text) != Some("localtime"));
                    }
                });
            }
        }
        // The virtual address may be another one, and the mode is chosen.
        "KubeProxyConfiguration" => {
            tree.take(&["ipvs"]);
        }
        _ => {}
    }
}

fn arguments(component: &str, tree: &mut Tree, minor: u64) {
    let path = |name| [component, "extraArgs", name];
    // Its name since 1.19; the other one went with 1.25
    // (https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/).
    if let Some(duration) = tree.take(&path("experimental-cluster-signing-duration")) {
        tree.set(&path("cluster-signing-duration"), duration);
    }
    let Some(gates) = tree.take(&path("feature-gates")) else { return };
    let text = gates.text().unwrap_or_default();
    let is_known = |gate: &&str| {
        let name = gate.split('=').next().unwrap_or_default();
        schema::gate(Gates::Kubernetes, name).is_some_and(|minors| minors.contains(&schema::known(minor)))
    };
    let known: Vec<&str> = text.split(',').filter(is_known).collect();
    if !known.is_empty() {
        tree.set(&path("feature-gates"), Tree::of(&json!(known.join(",")), &Origin::BuiltIn));
    }
}
