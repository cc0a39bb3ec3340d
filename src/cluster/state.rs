//! What we keep of the cluster in itself: its definition, in a Secret.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};

use crate::error::{Class, Context, Result};

const NAMESPACE: &str = "kube-system";
/// The Secret that holds the definition, since it has the registry's credentials in it.
const STATE: &str = "sealift-state";
const STATE_KEY: &str = "state.json";

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
