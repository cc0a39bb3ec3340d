//! Nodes and pods, asked for with the administrator's kubeconfig on a control plane.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::time::Instant;

use super::{joining, lease, state, system};
use crate::error::{Class, Context, Problem, Result};
use crate::model::{ApiFacts, Digest, Holder, NodeFacts, Taint};
use crate::wire::{LockAnswer, LockRecord};

/// How long one answer may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How often readiness is looked at while it is waited for. Two small lists a time are little to an API server.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The Kubernetes API.
pub struct Api {
    client: Client,
}

impl Api {
    /// Prepares to ask with the kubeconfig at `path`; nothing is asked yet.
    pub async fn with_kubeconfig(path: &Path) -> Result<Self> {
        let unusable = || format!("cannot use {}", path.display());
        let kubeconfig = Kubeconfig::read_from(path).problem_with(Class::Kubernetes, unusable)?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .problem_with(Class::Kubernetes, unusable)?;
        config.connect_timeout = Some(ANSWER_DEADLINE);
        config.read_timeout = Some(ANSWER_DEADLINE);
        // The machines of a cluster never talk to each other through a proxy.
        config.proxy_url = None;
        let client = Client::try_from(config).problem_with(Class::Kubernetes, unusable)?;
        Ok(Self { client })
    }

    /// Returns what the API says now.
    pub async fn facts(&self) -> Result<ApiFacts> {
        let nodes = self.nodes().await?;
        let waiting_pods = system::waiting(&self.client).await?;
        let applications = state::applications(&self.client).await?;
        Ok(ApiFacts { nodes, waiting_pods, applications, ..ApiFacts::default() })
    }

    async fn nodes(&self) -> Result<Vec<NodeFacts>> {
        let nodes = kube::Api::<Node>::all(self.client.clone()).list(&ListParams::default()).await;
        Ok(nodes
            .problem(Class::Kubernetes, "the API does not list its Nodes")?
            .items
            .iter()
            .map(node_facts)
            .collect())
    }

    /// Waits until the Nodes of these machines and the system's pods are Ready.
    ///
    /// # Errors
    /// Class `Kubernetes` after `deadline`, with each Node and pod that still was not Ready.
    pub async fn await_ready(&self, machine_ids: &[String], deadline: Duration) -> Result<ApiFacts> {
        let until = Instant::now() + deadline;
        loop {
            let seen = self.facts().await;
            let unmet = match &seen {
                Ok(facts) => unmet(facts, machine_ids),
                Err(problem) => vec![problem.to_string()],
            };
            if let (Ok(facts), true) = (seen, unmet.is_empty()) {
                return Ok(facts);
            }
            if Instant::now() > until {
                let problem = Problem::new(Class::Kubernetes, "not everything became Ready in time")
                    .remedy("kubectl describe tells what a Node or pod waits for; a pod network must be among the images");
                return Err(unmet.into_iter().fold(problem, Problem::saw));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Removes what machines needed to join: tokens that sealift or kubeadm made by themselves, and certificates.
    pub async fn end_joining(&self) -> Result<()> {
        joining::end(&self.client).await
    }

    /// Keeps the cluster's definition in the cluster.
    pub async fn save_state(&self, text: &str) -> Result<()> {
        state::save(&self.client, text).await
    }

    /// Returns the definition kept in the cluster.
    pub async fn take_state(&self) -> Result<Option<String>> {
        state::take(&self.client).await
    }

    /// Takes the cluster's lock if nobody has it, or if its record is still `over`.
    ///
    /// Epochs that begin are `at_least` that.
    pub async fn acquire_lock(
        &self,
        holder: &Holder,
        at_least: u64,
        over: Option<&LockRecord>,
    ) -> Result<LockAnswer> {
        lease::acquire(&self.client, holder, at_least, over).await
    }

    /// Confirms the cluster's lock of this epoch; returns the record that was written, if it is still ours.
    pub async fn renew_lock(&self, holder: &Holder, epoch: u64) -> Result<(LockAnswer, Option<LockRecord>)> {
        lease::renew(&self.client, holder, epoch).await
    }

    /// Gives the cluster's lock back if it is this run's, and only if its record is `written` where that is given.
    pub async fn release_lock(&self, run: &str, written: Option<&LockRecord>) -> Result<()> {
        lease::release(&self.client, run, written).await
    }

    /// Records that an application was launched.
    pub async fn record_application(&self, image: &str, receipt: &Digest) -> Result<()> {
        state::record_application(&self.client, image, receipt).await
    }
}

/// What is not Ready yet.
fn unmet(facts: &ApiFacts, machine_ids: &[String]) -> Vec<String> {
    let mut unmet = Vec::new();
    for id in machine_ids {
        match facts.nodes.iter().find(|node| node.machine_id == *id) {
            None => unmet.push(format!("no Node with machine-id {id}")),
            Some(node) if !node.ready => unmet.push(format!("Node {} is not Ready", node.name)),
            Some(_) => {}
        }
    }
    unmet.extend(facts.waiting_pods.iter().cloned());
    unmet
}

fn node_facts(node: &Node) -> NodeFacts {
    let status = node.status.as_ref();
    let spec = node.spec.as_ref();
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let info = status.and_then(|status| status.node_info.as_ref());
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let addresses = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    NodeFacts {
        name: node.metadata.name.clone().unwrap_or_default(),
        machine_id: info.map(|info| info.machine_id.clone()).unwrap_or_default(),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        version: info.map(|info| info.kubelet_version.clone()).unwrap_or_default(),
        addresses: addresses
            .iter()
            .filter(|address| address.type_ == "InternalIP")
            .filter_map(|address| address.address.parse::<IpAddr>().ok())
            .collect(),
        control_plane: labels.contains_key("node-role.kubernetes.io/control-plane"),
        cordoned: spec.and_then(|spec| spec.unschedulable).unwrap_or_default(),
        labels,
        taints: taints.iter().filter_map(taint).collect(),
    }
}

/// Returns a taint; one with an effect that nobody knows yet is not ours to compare.
fn taint(taint: &k8s_openapi::api::core::v1::Taint) -> Option<Taint> {
    Some(Taint {
        key: taint.key.clone(),
        value: taint.value.clone().unwrap_or_default(),
        effect: taint.effect.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_known_by_its_machine_id() {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/control-plane": ""}},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "n1"}],
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"machineID": "abc", "kubeletVersion": "v1.36.3", "architecture": "amd64", "bootID": "",
                    "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "", "operatingSystem": "",
                    "osImage": "", "systemUUID": ""},
            },
        }))
        .unwrap();
        let facts = node_facts(&node);
        assert!(facts.ready && facts.control_plane);
        assert_eq!((facts.machine_id.as_str(), facts.addresses.len()), ("abc", 1));
        let api = ApiFacts { nodes: vec![facts], ..ApiFacts::default() };
        assert!(unmet(&api, &["abc".to_owned()]).is_empty());
        assert_eq!(unmet(&api, &["def".to_owned()]).len(), 1);
    }
}
