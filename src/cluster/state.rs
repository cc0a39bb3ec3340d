//! What we keep in the cluster: its definition in a Secret, the applications' receipts in a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};

use crate::error::{Class, Context, Result};
use crate::model::Digest;

const NAMESPACE: &str = "kube-system";
/// The Secret that holds the definition, since it has the registry's credentials in it.
const STATE: &str = "sealift-state";
const STATE_KEY: &str = "state.json";
/// The ConfigMap of applications: image names by a key that may hold them, each with its launch's digest.
const APPLICATIONS: &str = "sealift-applications";

/// Who writes the fields, for server-side apply.
fn ours() -> PatchParams {
    PatchParams::apply("sealift").force()
}

fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), namespace: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() }
}

pub(super) async fn save(client: &Client, text: &str) -> Result<()> {
    let data = BTreeMap::from([(STATE_KEY.to_owned(), ByteString(text.as_bytes().to_vec()))]);
    let secret = Secret { metadata: metadata(STATE), data: Some(data), ..Secret::default() };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let saved = secrets.patch(STATE, &ours(), &Patch::Apply(&secret)).await;
    saved.map(drop).problem(Class::Kubernetes, "the cluster does not keep its definition")
}

pub(super) async fn take(client: &Client) -> Result<Option<String>> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let secret = secrets.get_opt(STATE).await.problem(Class::Kubernetes, "the API does not answer")?;
    let bytes = secret.and_then(|secret| secret.data?.remove(STATE_KEY));
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()))
}

pub(super) async fn record_application(client: &Client, image: &str, receipt: &Digest) -> Result<()> {
    // A merge leaves the other applications' entries alone.
    let patch = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": APPLICATIONS, "namespace": NAMESPACE},
        "data": {key(image): serde_json::json!({"image": image, "digest": receipt}).to_string()},
    });
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let manager = PatchParams::apply(&format!("sealift-{}", &key(image)[..12])).force();
    let recorded = maps.patch(APPLICATIONS, &manager, &Patch::Apply(&patch)).await;
    recorded.map(drop).problem(Class::Kubernetes, "the cluster does not record the application")
}

pub(super) async fn applications(client: &Client) -> Result<BTreeMap<String, Digest>> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let map = maps.get_opt(APPLICATIONS).await.problem(Class::Kubernetes, "the API does not answer")?;
    let entries = map.and_then(|map| map.data).unwrap_or_default();
    Ok(entries.values().filter_map(|entry| read(entry)).collect())
}

/// Image names hold characters that a ConfigMap's keys must not.
fn key(image: &str) -> String {
    Digest::of(image).hex()
}

fn read(entry: &str) -> Option<(String, Digest)> {
    let entry: serde_json::Value = serde_json::from_str(entry).ok()?;
    Some((entry["image"].as_str()?.to_owned(), entry["digest"].as_str()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_its_image() {
        let entry = serde_json::json!({"image": "flannel:v1", "digest": Digest::of("x")}).to_string();
        assert_eq!(read(&entry), Some(("flannel:v1".to_owned(), Digest::of("x"))));
        assert_eq!(read("rubbish"), None);
    }
}
