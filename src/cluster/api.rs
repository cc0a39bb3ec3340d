//! Nodes and pods, asked for with the administrator's kubeconfig on a control plane.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use tokio::time::Instant;

use super::{
    applications, configuration, drain, joining, kube_proxy, kubeadm_config, lease, nodes, state, system,
};
use crate::error::{Class, Context, Problem, Result};
use crate::model::{ApiFacts, Configuration, Digest, Holder, Launched, NodeFacts};
use crate::wire::{ConfigureNode, Drain, LockAnswer, LockRecord, NodeKey, Touched};

/// How long one answer may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How often readiness is looked at while it is waited for. Two small lists a time are little to an API server.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The Kubernetes API.
pub struct Api {
    client: Client,
    /// The same, and every answer is heard as it comes. The other one asks again by itself for minutes where the API says
    /// that there is too much to do, and an eviction that a budget forbids is answered in the same words.
    blunt: Client,
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
        let mut blunt = config.clone();
        blunt.default_retry = false;
        Ok(Self {
            client: Client::try_from(config).problem_with(Class::Kubernetes, unusable)?,
            blunt: Client::try_from(blunt).problem_with(Class::Kubernetes, unusable)?,
        })
    }

    /// Returns what the API says now of the cluster's life; who else has something to say of it is asked elsewhere.
    pub async fn facts(&self) -> Result<ApiFacts> {
        let (nodes, waiting, applications, version, holder, configured, has_proxy) = tokio::try_join!(
            self.nodes(),
            system::waiting(&self.client),
            applications::all(&self.client),
            self.version(),
            lease::holder_now(&self.client),
            configuration::all(&self.client),
            kube_proxy::is_there(&self.client),
        )?;
        let silent = |name: &str| nodes.iter().any(|node| node.name == name && !node.ready);
        let heard = waiting.into_iter().filter(|one| !one.node.as_deref().is_some_and(silent));
        let waiting_pods = heard.map(|one| one.why).collect();
        Ok(ApiFacts {
            nodes,
            waiting_pods,
            version,
            applications,
            holder,
            configured,
            lacks_proxy: !has_proxy,
            ..ApiFacts::default()
        })
    }

    async fn version(&self) -> Result<String> {
        let version = self.client.apiserver_version().await;
        Ok(version.problem(Class::Kubernetes, "the API does not tell its version")?.git_version)
    }

    async fn nodes(&self) -> Result<Vec<NodeFacts>> {
        let nodes = kube::Api::<Node>::all(self.client.clone()).list(&ListParams::default()).await;
        Ok(nodes
            .problem(Class::Kubernetes, "the API does not list its Nodes")?
            .items
            .iter()
            .map(nodes::facts)
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

    /// Returns one Node, if it is there.
    pub async fn node(&self, key: &NodeKey) -> Result<Option<NodeFacts>> {
        Ok(nodes::find(&self.client, key).await?.as_ref().map(nodes::facts))
    }

    /// Tells whether the Node of this name is Ready.
    pub async fn is_ready(&self, name: &str) -> Result<bool> {
        let node = kube::Api::<Node>::all(self.client.clone()).get(name).await;
        let node =
            node.problem_with(Class::Kubernetes, || format!("the API does not show the Node {name}"))?;
        Ok(nodes::facts(&node).ready)
    }

    /// Gives a Node the labels and taints that are wished.
    pub async fn configure_node(&self, order: &ConfigureNode) -> Result<Touched> {
        nodes::configure(&self.client, &order.node, &order.wishes).await
    }

    /// Empties a Node, telling how far it is.
    pub async fn drain(&self, order: &Drain, tell: &(dyn Fn(String) + Send + Sync)) -> Result<Touched> {
        drain::drain(&self.blunt, order, tell).await
    }

    /// Removes a Node, and what kubeadm kept of it.
    pub async fn delete_node(&self, key: &NodeKey) -> Result<Touched> {
        let Some(node) = nodes::find(&self.client, key).await? else { return Ok(Touched::Unchanged) };
        // Before the Node, by which it would be found again after an interruption.
        kubeadm_config::strike_off(&self.client, &node.name_any()).await?;
        nodes::delete(&self.client, &node.name_any()).await
    }

    /// Waits until machines can find the cluster with this token, so that none of them tries too early.
    pub async fn await_signed(&self, token: &str) {
        joining::await_signed(&self.client, token).await;
    }

    /// Removes what machines needed to join: tokens that sealift or kubeadm made by themselves, and certificates.
    pub async fn end_joining(&self) -> Result<()> {
        joining::end(&self.client).await
    }

    /// Tells whether secrets are left that sealift has made to let machines in.
    pub async fn is_open_to_joins(&self) -> Result<bool> {
        joining::is_open(&self.client).await
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
    pub async fn record_application(&self, image: &str, launched: &Launched) -> Result<()> {
        applications::record(&self.client, image, launched).await
    }

    /// Forgets that an application was launched; one that never was is forgotten.
    pub async fn forget_application(&self, image: &str) -> Result<()> {
        applications::forget(&self.client, image).await
    }

    /// Notes what the components are told.
    pub async fn record_configuration(&self, parts: &Configuration) -> Result<()> {
        configuration::record(&self.client, parts).await
    }

    /// Puts kube-proxy's configuration aside in the cluster, unless an earlier change did that and was cut off, and returns what is
    /// there now; `None` where there is no kube-proxy.
    pub async fn put_proxy_aside(&self) -> Result<kube_proxy::KubeProxy> {
        kube_proxy::put_aside(&self.client).await
    }

    /// Lets go what was put aside of kube-proxy.
    pub async fn forget_proxy_aside(&self) -> Result<()> {
        kube_proxy::forget_aside(&self.client).await
    }

    /// Puts a configuration of kube-proxy's back.
    pub async fn put_proxy_configuration(&self, text: &str) -> Result<()> {
        kube_proxy::put_configuration(&self.client, text).await
    }

    /// Has all pods of kube-proxy replaced that were not made for the configuration of this digest, and waits until they are.
    ///
    /// # Errors
    /// Class `Kubernetes` when for a while no further pod becomes Ready, with how many are.
    pub async fn roll_proxy(&self, configuration: &Digest, tell: &dyn Fn(&str)) -> Result<()> {
        kube_proxy::roll(&self.client, configuration, tell).await
    }

    /// Returns helm's releases that were changed since `began` (seconds since 1970) and that are not deployed, as
    /// `namespace/name: state`.
    pub async fn unfinished_releases(&self, began: u64) -> Result<Vec<String>> {
        applications::unfinished_releases(&self.client, began).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_not_ready_or_not_there_is_waited_for() {
        let node = |ready| NodeFacts { machine_id: "abc".to_owned(), ready, ..NodeFacts::default() };
        let api = |ready| ApiFacts { nodes: vec![node(ready)], ..ApiFacts::default() };
        assert!(unmet(&api(true), &["abc".to_owned()]).is_empty());
        assert_eq!(unmet(&api(false), &["abc".to_owned()]).len(), 1);
        assert_eq!(unmet(&api(true), &["def".to_owned()]).len(), 1);
    }
}
