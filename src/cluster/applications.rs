//! What the cluster keeps of its applications: what was launched, when and by whom, in a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};

use crate::error::{Class, Context, Result};
use crate::model::{Digest, Launched};

const NAMESPACE: &str = "kube-system";

/// The ConfigMap: an entry for each application, by a key made of its image's name.
const APPLICATIONS: &str = "sealift-applications";

/// The secrets in which helm keeps its releases, those of them that are not as they were to be.
const UNFINISHED: &str = "owner=helm,status in (failed,pending-install,pending-upgrade,pending-rollback)";

pub(super) async fn record(client: &Client, image: &str, launched: &Launched) -> Result<()> {
    // A merge leaves the other applications' entries alone.
    let patch = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": APPLICATIONS, "namespace": NAMESPACE},
        "data": {key(image): entry(image, launched)},
    });
    let recorded = maps(client).patch(APPLICATIONS, &manager(image), &Patch::Apply(&patch)).await;
    recorded.map(drop).problem(Class::Kubernetes, "the cluster does not record the application")
}

pub(super) async fn forget(client: &Client, image: &str) -> Result<()> {
    let maps = maps(client);
    let present = maps.get_opt(APPLICATIONS).await.problem(Class::Kubernetes, "the API does not answer")?;
    if !present.and_then(|map| map.data).is_some_and(|data| data.contains_key(&key(image))) {
        return Ok(());
    }
    let patch = serde_json::json!({"data": {key(image): null}});
    let forgotten = maps.patch(APPLICATIONS, &PatchParams::default(), &Patch::Merge(&patch)).await;
    forgotten.map(drop).problem(Class::Kubernetes, "the cluster does not forget the application")
}

pub(super) async fn all(client: &Client) -> Result<BTreeMap<String, Launched>> {
    let map = maps(client).get_opt(APPLICATIONS).await;
    let map = map.problem(Class::Kubernetes, "the API does not answer")?;
    let entries = map.and_then(|map| map.data).unwrap_or_default();
    Ok(entries.values().filter_map(|entry| read(entry)).collect())
}

pub(super) async fn unfinished_releases(client: &Client, began: u64) -> Result<Vec<String>> {
    let secrets: Api<Secret> = Api::all(client.clone());
    let secrets = secrets.list_metadata(&ListParams::default().labels(UNFINISHED)).await;
    let secrets = secrets.problem(Class::Kubernetes, "the API does not list helm's releases")?;
    Ok(secrets.items.iter().filter_map(|secret| told(&secret.namespace()?, secret.labels(), began)).collect())
}

/// Says how a release stands that was changed since.
fn told(namespace: &str, labels: &BTreeMap<String, String>, began: u64) -> Option<String> {
    let changed =
        ["modifiedAt", "createdAt"].iter().filter_map(|label| labels.get(*label)?.parse::<u64>().ok());
    let (name, status) = (labels.get("name")?, labels.get("status")?);
    (changed.max()? >= began).then(|| format!("{namespace}/{name}: {status}"))
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Each entry has its own manager, so that server-side apply of one leaves the others alone.
fn manager(image: &str) -> PatchParams {
    PatchParams::apply(&format!("sealift-{}", &key(image)[..12])).force()
}

/// Image names hold characters that a ConfigMap's keys must not.
fn key(image: &str) -> String {
    Digest::of(image).hex()
}

fn entry(image: &str, launched: &Launched) -> String {
    let mut entry = serde_json::to_value(launched).unwrap_or_default();
    entry["image"] = image.into();
    entry.to_string()
}

fn read(entry: &str) -> Option<(String, Launched)> {
    let entry: serde_json::Value = serde_json::from_str(entry).ok()?;
    Some((entry["image"].as_str()?.to_owned(), serde_json::from_value(entry).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_its_image_and_older_ones_say_less() {
        let launched = Launched {
            digest: Digest::of("x"),
            manifest: Some(Digest::of("y")),
            at: Some("2026-01-01T00:00:00Z".to_owned()),
            run: Some("r".to_owned()),
            machine: None,
        };
        assert_eq!(read(&entry("flannel:v1", &launched)), Some(("flannel:v1".to_owned(), launched.clone())));
        let old = serde_json::json!({"image": "flannel:v1", "digest": Digest::of("x")}).to_string();
        let less = Launched { manifest: None, at: None, run: None, ..launched };
        assert_eq!(read(&old), Some(("flannel:v1".to_owned(), less)));
        assert_eq!(read("rubbish"), None);
    }

    #[test]
    fn only_releases_are_told_that_changed_since() {
        let labels = |modified: &str| {
            let labels =
                [("name", "web"), ("status", "failed"), ("createdAt", "100"), ("modifiedAt", modified)];
            labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        };
        assert_eq!(told("default", &labels("200"), 150).as_deref(), Some("default/web: failed"));
        assert_eq!(told("default", &labels("120"), 150), None);
    }
}
