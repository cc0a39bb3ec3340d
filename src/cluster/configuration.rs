//! What the cluster notes of the documents that it was given for its components: a digest for each part, in a ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};

use crate::error::{Class, Context, Result};
use crate::model::{Configuration, Part};

const NAMESPACE: &str = "kube-system";
const CONFIGURATION: &str = "sealift-configuration";

/// Notes parts; the others stay as they are.
pub(super) async fn record(client: &Client, parts: &Configuration) -> Result<()> {
    for (part, digest) in parts {
        // Each part has its own manager, so that server-side apply of one leaves the others alone.
        let manager = PatchParams::apply(&format!("sealift-{}", part.name())).force();
        let patch = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIGURATION, "namespace": NAMESPACE},
            "data": {part.name(): digest},
        });
        let recorded = maps(client).patch(CONFIGURATION, &manager, &Patch::Apply(&patch)).await;
        recorded.problem(Class::Kubernetes, "the cluster does not note its configuration")?;
    }
    Ok(())
}

/// Returns what is noted. What cannot be read is not.
pub(super) async fn all(client: &Client) -> Result<Configuration> {
    let map = maps(client).get_opt(CONFIGURATION).await;
    let map = map.problem(Class::Kubernetes, "the API does not answer")?;
    Ok(read(&map.and_then(|map| map.data).unwrap_or_default()))
}

fn read(entries: &BTreeMap<String, String>) -> Configuration {
    let digest = |part: Part| Some((part, entries.get(part.name())?.parse().ok()?));
    Part::ALL.into_iter().filter_map(digest).collect()
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn each_part_is_read_by_its_name_and_rubbish_is_nothing() {
        let digest = Digest::of("x");
        let entries = [
            ("kubelet-configuration".to_owned(), digest.to_string()),
            ("control-plane-configuration".to_owned(), "rubbish".to_owned()),
            ("other".to_owned(), digest.to_string()),
        ];
        assert_eq!(read(&entries.into()), Configuration::from([(Part::Kubelet, digest)]));
    }
}
