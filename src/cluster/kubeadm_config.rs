//! What kubeadm's own ConfigMap says of a control plane that is gone.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::error::{Class, Context, Result};
use crate::yaml;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kubeadm-config";
/// The list of API servers that kubeadm kept before 1.22, and by which it joins and removes etcd's members.
const STATUS: &str = "ClusterStatus";

/// How often it is tried again when somebody else changes the ConfigMap at that moment.
const TRIES: usize = 5;

/// Strikes a control plane off the list. Clusters since 1.22 have none.
pub(super) async fn strike_off(client: &Client, node: &str) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let failed = "kubeadm's ConfigMap cannot be changed";
    let mut tries = 0;
    loop {
        let map = maps.get_opt(NAME).await.problem(Class::Kubernetes, failed)?;
        let Some(map) = map else { return Ok(()) };
        let Some(status) = map.data.as_ref().and_then(|data| data.get(STATUS)) else { return Ok(()) };
        let Some(without) = without(status, node)? else { return Ok(()) };
        let patch = json!({"metadata": {"resourceVersion": map.metadata.resource_version}, "data": {STATUS: without}});
        match maps.patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.code == 409 && tries < TRIES => tries += 1,
            answer => return answer.map(drop).problem(Class::Kubernetes, failed),
        }
    }
}

/// Returns the status without this node; `None` if it has not got it.
fn without(status: &str, node: &str) -> Result<Option<String>> {
    let mut documents = yaml::documents("kubeadm's ClusterStatus", status)?;
    let Some(document) = documents.first_mut() else { return Ok(None) };
    let endpoints = document.get_mut("apiEndpoints").and_then(|endpoints| endpoints.as_object_mut());
    match endpoints.and_then(|endpoints| endpoints.shift_remove(node)) {
        Some(_) => yaml::to_string(document).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "apiEndpoints:\n  one:\n    advertiseAddress: 10.0.0.1\n    bindPort: 6443\n  two:\n    \
                          advertiseAddress: 10.0.0.2\n    bindPort: 6443\napiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterStatus\n";

    #[test]
    fn only_the_one_that_is_gone_is_struck_off() {
        let left = without(STATUS, "one").unwrap().unwrap();
        let left = &yaml::documents("x", &left).unwrap()[0];
        assert_eq!(left["apiEndpoints"], json!({"two": {"advertiseAddress": "10.0.0.2", "bindPort": 6443}}));
        assert_eq!(
            (&left["kind"], &left["apiVersion"]),
            (&json!("ClusterStatus"), &json!("kubeadm.k8s.io/v1beta2"))
        );
        assert_eq!(without(STATUS, "three").unwrap(), None);
        assert_eq!(without("kind: ClusterStatus\n", "one").unwrap(), None);
    }
}
