//! What is asked of Kubernetes on a control plane, with the administrator's kubeconfig that is there.

use std::path::Path;
use std::time::Duration;

use super::blocking::blocking;
use super::command::Command;
use super::{authority, paths};
use crate::cluster::Api;
use crate::error::{Class, Problem, Result};
use crate::kubeadm::JOIN_TOKEN;
use crate::model::ApiFacts;
use crate::wire::{AwaitReady, JoinSecrets, MintJoin};
use crate::{fsx, yaml};

/// A join takes seconds; an hour lets a slow machine in and a leaked token soon expire.
const TOKEN_LIFETIME: &str = "1h";

/// Prepares to ask the API.
pub(super) async fn api() -> Result<Api> {
    Api::with_kubeconfig(Path::new(paths::ADMIN)).await
}

/// Tells whether a machine's own Node is Ready, asked as its kubelet, which may know that much.
pub(super) async fn own_node_is_ready(node: &str) -> Result<bool> {
    Api::with_kubeconfig(Path::new(paths::KUBELET)).await?.is_ready(node).await
}

/// Returns the definition kept in the cluster; a machine that was never made a control plane has none to ask for.
pub(super) async fn state() -> Result<Option<String>> {
    if !Path::new(paths::ADMIN).exists() {
        return Ok(None);
    }
    api().await?.take_state().await
}

/// Waits until Nodes and system pods are Ready.
pub(super) async fn await_ready(order: &AwaitReady) -> Result<ApiFacts> {
    api().await?.await_ready(&order.machine_ids, Duration::from_secs(order.seconds)).await
}

/// Makes a token, waits until it can be used, and uploads the certificates if another control plane is to join.
pub(super) async fn mint(order: MintJoin) -> Result<JoinSecrets> {
    let secrets = blocking(move || make_secrets(&order)).await?;
    api().await?.await_signed(&secrets.token).await;
    Ok(secrets)
}

fn make_secrets(order: &MintJoin) -> Result<JoinSecrets> {
    let kubeconfig = format!("--kubeconfig={}", paths::ADMIN);
    let description = format!("--description={JOIN_TOKEN}");
    let arguments = ["token", "create", &kubeconfig, "--ttl", TOKEN_LIFETIME, &description];
    let token = Command::new("kubeadm", arguments).output().map_err(of_kubernetes)?;
    if let Some(key) = &order.certificate_key {
        upload_certificates(key)?;
    }
    let authority = authority::of_this_machine()?
        .ok_or_else(|| Problem::new(Class::Kubernetes, "the control plane has no CA certificate"))?;
    Ok(JoinSecrets { token: token.trim().to_owned(), authority: authority.to_string() })
}

/// The key goes in through a file: a process's arguments can be read by everybody.
fn upload_certificates(key: &str) -> Result<()> {
    let path = Path::new(paths::RUN).join("upload-certificates.yaml");
    let cluster = cluster_configuration()?;
    // Both documents must be of one version, the one this cluster's kubeadm wrote.
    let documents = yaml::documents("the kubeadm-config ConfigMap", &cluster)?;
    let api = documents.first().and_then(|document| document.get("apiVersion")?.as_str().map(str::to_owned));
    let api =
        api.ok_or_else(|| Problem::new(Class::Kubernetes, "the kubeadm-config ConfigMap names no version"))?;
    let config = format!("apiVersion: {api}\nkind: InitConfiguration\ncertificateKey: {key}\n---\n{cluster}");
    fsx::make_directory(Path::new(paths::RUN))?;
    fsx::write_atomically(&path, config, 0o600)?;
    let config = format!("--config={}", path.display());
    let uploaded = Command::new(
        "kubeadm",
        ["init", "phase", "upload-certs", "--upload-certs", "--skip-certificate-key-print", &config],
    );
    let uploaded = uploaded.output();
    fsx::remove_if_exists(&path)?;
    uploaded.map(drop).map_err(of_kubernetes)
}

/// Returns the cluster's own configuration, without which kubeadm would look up a version online.
fn cluster_configuration() -> Result<String> {
    let kubeconfig = format!("--kubeconfig={}", paths::ADMIN);
    let cache = format!("--cache-dir={}", paths::KUBECTL_CACHE);
    let path = "jsonpath={.data.ClusterConfiguration}";
    let of_config = ["--namespace=kube-system", "get", "configmap", "kubeadm-config", "--output", path];
    Command::new("kubectl", [[&kubeconfig, cache.as_str()].as_slice(), &of_config].concat())
        .output()
        .map_err(of_kubernetes)
}

/// Returns the administrator's kubeconfig.
pub(super) fn kubeconfig() -> Result<String> {
    fsx::read_text(Path::new(paths::ADMIN))
}

fn of_kubernetes(problem: Problem) -> Problem {
    Problem { class: Class::Kubernetes, ..problem }
}
