//! What joins leave in the cluster: tokens, and the certificates for control planes. Nobody needs them afterwards.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams};

use crate::error::{Class, Context, Result};
use crate::kubeadm::JOIN_TOKEN;

const NAMESPACE: &str = "kube-system";
const TOKEN_TYPE: &str = "type=bootstrap.kubernetes.io/token";
const DESCRIPTION_KEY: &str = "description";

/// How descriptions begin of tokens that nobody asked for: ours, which `kubeadm init` makes one of as well, and those
/// that `upload-certs` makes by itself (cmd/kubeadm/app/phases/copycerts). A token without one is somebody's own.
const NOBODYS: [&str; 2] = [JOIN_TOKEN, "Proxy for managing TTL for the kubeadm-certs secret"];

/// The Secret that `upload-certs` keeps the certificates in.
const CERTIFICATES: &str = "kubeadm-certs";

/// How long a new cluster's controllers may take to sign a token, and how often it is looked for.
const SIGNED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until the cluster's public description is signed for a token. A join that comes before looks again only every
/// five seconds (kubeadm's `DiscoveryRetryInterval`). What is not signed in time the join itself waits for.
pub(super) async fn await_signed(client: &Client, token: &str) {
    let id = token.split('.').next().unwrap_or_default();
    let signature = format!("jws-kubeconfig-{id}");
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-public");
    let signed = async || {
        let map = maps.get("cluster-info").await.ok();
        map.and_then(|map| map.data).is_some_and(|data| data.contains_key(&signature))
    };
    let waiting = async {
        while !signed().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let _ = tokio::time::timeout(SIGNED_WITHIN, waiting).await;
}

pub(super) async fn end(client: &Client) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let tokens = secrets.list(&ListParams::default().fields(TOKEN_TYPE)).await;
    let tokens = tokens.problem(Class::Kubernetes, "the API does not list its tokens")?;
    remove(&secrets, CERTIFICATES).await?;
    for name in tokens
        .items
        .iter()
        .filter(|token| is_nobodys(token))
        .filter_map(|token| token.metadata.name.as_deref())
    {
        remove(&secrets, name).await?;
    }
    Ok(())
}

/// Tells whether any token is left that was made for joins. What else joins leave goes with it, or ends by itself.
pub(super) async fn is_open(client: &Client) -> Result<bool> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let tokens = secrets.list(&ListParams::default().fields(TOKEN_TYPE)).await;
    let tokens = tokens.problem(Class::Kubernetes, "the API does not list its tokens")?;
    Ok(tokens.items.iter().any(|token| is_described(token, &[JOIN_TOKEN])))
}

fn is_nobodys(token: &Secret) -> bool {
    is_described(token, &NOBODYS)
}

fn is_described(token: &Secret, beginnings: &[&str]) -> bool {
    let description = token.data.as_ref().and_then(|data| data.get(DESCRIPTION_KEY));
    description.is_some_and(|description| {
        let description = String::from_utf8_lossy(&description.0);
        beginnings.iter().any(|beginning| description.starts_with(beginning))
    })
}

async fn remove(secrets: &Api<Secret>, name: &str) -> Result<()> {
    match secrets.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer
            .map(drop)
            .problem_with(Class::Kubernetes, || format!("the Secret {name} cannot be removed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_somebody_made_is_left_alone() {
        let token = |description: Option<&str>| -> Secret {
            let data = description.map(|text| {
                let text = k8s_openapi::ByteString(text.as_bytes().to_vec());
                [(DESCRIPTION_KEY.to_owned(), text)].into()
            });
            Secret { data, ..Secret::default() }
        };
        for description in NOBODYS {
            assert!(is_nobodys(&token(Some(description))), "{description}");
        }
        for description in [None, Some(""), Some("for the new rack")] {
            assert!(!is_nobodys(&token(description)), "{description:?}");
        }
    }
}
