//! Nodes found, given labels and taints, closed to new pods, and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::error::{Class, Context, Problem, Result};
use crate::model::{NodeChange, NodeFacts, NodeWishes, OursOnNode, Taint, TaintKey};
use crate::wire::{NodeKey, Touched};

/// The annotation that lists the keys of the labels we set, separated by commas.
const OUR_LABELS: &str = "sealift.io/labels";
/// The annotation that lists the taints we set, as `key:Touched`, separated by commas.
const OUR_TAINTS: &str = "sealift.io/taints";
/// The annotation of a Node that we keep new pods from.
const OUR_CORDON: &str = "sealift.io/cordoned";

/// How often a change is made anew when somebody else changes the same Node at that moment; kubelet does all the time.
const TRIES: usize = 10;

/// How long a kubelet that was let in may take to add its Node. Busy machines are within it.
const ADDED_WITHIN: Duration = Duration::from_mins(1);

/// How often a Node is looked for that is to come.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Returns the Node that is meant, if the API has it.
pub(super) async fn find(client: &Client, key: &NodeKey) -> Result<Option<Node>> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
    let nodes = nodes.problem(Class::Kubernetes, "the API does not list its Nodes")?;
    Ok(nodes.items.into_iter().find(|node| is_meant(&facts(node), key)))
}

fn is_meant(node: &NodeFacts, key: &NodeKey) -> bool {
    match key {
        NodeKey::MachineId(id) => node.machine_id == *id,
        NodeKey::Address(address) => node.addresses.contains(address),
    }
}

/// Gives a Node the labels and taints that are wished, and takes back what we set and nobody wishes any more.
///
/// kubeadm is done with a worker when its kubelet is let in; the Node is added by kubelet a moment later, and is awaited.
pub(super) async fn configure(client: &Client, key: &NodeKey, wishes: &NodeWishes) -> Result<Touched> {
    let change = |node: &Node| {
        let change = NodeChange::between(wishes, &facts(node));
        (!change.is_empty()).then(|| patch(node, &change))
    };
    let until = Instant::now() + ADDED_WITHIN;
    loop {
        if let Some(effect) = changed(client, key, &change).await? {
            return Ok(effect);
        }
        if Instant::now() > until {
            let seen = format!("waited {} seconds for kubelet to add it", ADDED_WITHIN.as_secs());
            return Err(Problem::new(Class::Kubernetes, "the API has no Node of this machine")
                .saw(seen)
                .remedy("run the same command again: it looks whether the machine has joined"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Keeps new pods from a Node. That it was us is recorded, unless somebody did it before.
pub(super) async fn cordon(client: &Client, key: &NodeKey) -> Result<Touched> {
    let patch = |node: &Node| {
        (!facts(node).cordoned).then(
            || json!({"metadata": {"annotations": {OUR_CORDON: "true"}}, "spec": {"unschedulable": true}}),
        )
    };
    Ok(changed(client, key, patch).await?.unwrap_or(Touched::Unchanged))
}

/// Removes a Node; one that is gone is removed.
pub(super) async fn delete(client: &Client, name: &str) -> Result<Touched> {
    match Api::<Node>::all(client.clone()).delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Touched::Unchanged),
        answer => answer
            .map(|_| Touched::Changed)
            .problem_with(Class::Kubernetes, || format!("the Node {name} cannot be removed")),
    }
}

/// Patches a Node as `change` says, from what the Node is at that very moment; `None` is a Node that is not there.
async fn changed(
    client: &Client,
    key: &NodeKey,
    change: impl Fn(&Node) -> Option<Value>,
) -> Result<Option<Touched>> {
    let nodes = Api::<Node>::all(client.clone());
    let mut last = None;
    for _ in 0..TRIES {
        let Some(node) = find(client, key).await? else { return Ok(None) };
        let Some(mut patch) = change(&node) else { return Ok(Some(Touched::Unchanged)) };
        // With it the API refuses the patch if the Node is another one by now.
        patch["metadata"]["resourceVersion"] = json!(node.metadata.resource_version);
        let name = node.metadata.name.unwrap_or_default();
        match nodes.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => return Ok(Some(Touched::Changed)),
            Err(kube::Error::Api(status)) if status.code == 409 => last = Some(status.message),
            Err(error) => {
                return Err(error)
                    .problem_with(Class::Kubernetes, || format!("the Node {name} cannot be changed"));
            }
        }
    }
    let problem = Problem::new(Class::Kubernetes, "the Node changes faster than it can be changed");
    Err(last.into_iter().fold(problem, Problem::saw))
}

/// Returns a change as the API takes it. Lists are replaced whole, so the taints of others go along.
fn patch(node: &Node, change: &NodeChange) -> Value {
    let listed = |words: Vec<String>| if words.is_empty() { Value::Null } else { words.join(",").into() };
    let mut annotations = Map::new();
    annotations.insert(OUR_LABELS.to_owned(), listed(change.our_labels.iter().cloned().collect()));
    annotations.insert(OUR_TAINTS.to_owned(), listed(change.our_taints.iter().map(written).collect()));
    let mut spec = Map::new();
    if change.uncordon {
        annotations.insert(OUR_CORDON.to_owned(), Value::Null);
        spec.insert("unschedulable".to_owned(), Value::Null);
    }
    if !change.set_taints.is_empty() || !change.remove_taints.is_empty() {
        spec.insert("taints".to_owned(), taints(node, change).into());
    }
    json!({"metadata": {"labels": change.labels, "annotations": annotations}, "spec": spec})
}

fn taints(node: &Node, change: &NodeChange) -> Vec<Value> {
    let present = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let replaced = |key: &str, effect: &str| {
        let set = change.set_taints.iter().map(Taint::key);
        let is_it = |taint: &TaintKey| {
            taint.key == key && taint.effect.is_none_or(|meant| meant.to_string() == effect)
        };
        change.remove_taints.iter().cloned().chain(set).any(|taint| is_it(&taint))
    };
    let kept = present.iter().filter(|taint| !replaced(&taint.key, &taint.effect)).map(|taint| json!(taint));
    let set = change
        .set_taints
        .iter()
        .map(|taint| json!({"key": taint.key, "value": taint.value, "effect": taint.effect.to_string()}));
    kept.chain(set).collect()
}

/// Returns what of a Node is looked at.
pub(super) fn facts(node: &Node) -> NodeFacts {
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
        ours: ours(node.metadata.annotations.as_ref()),
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

fn ours(annotations: Option<&BTreeMap<String, String>>) -> OursOnNode {
    let words = |name: &str| -> BTreeSet<&str> {
        let text = annotations.and_then(|annotations| annotations.get(name)).map_or("", String::as_str);
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
    };
    OursOnNode {
        labels: words(OUR_LABELS).into_iter().map(str::to_owned).collect(),
        taints: words(OUR_TAINTS).into_iter().filter_map(read).collect(),
        cordon: words(OUR_CORDON).contains("true"),
    }
}

fn written(taint: &TaintKey) -> String {
    match taint.effect {
        Some(effect) => format!("{}:{effect}", taint.key),
        None => taint.key.clone(),
    }
}

fn read(word: &str) -> Option<TaintKey> {
    let (key, effect) = word.split_once(':')?;
    Some(TaintKey { key: key.to_owned(), effect: Some(effect.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaintEffect;

    fn node() -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/control-plane": ""}, "annotations": {
                OUR_LABELS: "a,example.com/b", OUR_TAINTS: "dedicated:NoSchedule", OUR_CORDON: "true"}},
            "spec": {"unschedulable": true, "taints": [
                {"key": "dedicated", "value": "x", "effect": "NoSchedule"},
                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"},
                {"key": "dedicated", "effect": "Sometimes"}]},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "n1"}],
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"machineID": "abc", "kubeletVersion": "v1.36.3", "architecture": "amd64", "bootID": "",
                    "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "", "operatingSystem": "",
                    "osImage": "", "systemUUID": ""},
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_node_is_known_by_its_machine_id_or_else_by_its_address() {
        let facts = facts(&node());
        assert!(facts.ready && facts.control_plane && facts.cordoned);
        assert!(is_meant(&facts, &NodeKey::MachineId("abc".to_owned())));
        assert!(!is_meant(&facts, &NodeKey::MachineId("abd".to_owned())));
        assert!(is_meant(&facts, &NodeKey::Address([10, 0, 0, 1].into())));
        assert!(!is_meant(&facts, &NodeKey::Address([10, 0, 0, 2].into())));
    }

    #[test]
    fn what_is_ours_is_read_back_as_it_is_written() {
        let facts = facts(&node());
        assert_eq!(facts.ours.labels, ["a".to_owned(), "example.com/b".to_owned()].into());
        let key = TaintKey { key: "dedicated".to_owned(), effect: Some(TaintEffect::NoSchedule) };
        assert_eq!(facts.ours.taints, [key].into());
        assert!(facts.ours.cordon);
    }

    #[test]
    fn a_patch_leaves_the_taints_of_others_as_they_are() {
        let wishes = NodeWishes {
            labels: [("a".to_owned(), "1".to_owned())].into(),
            taints: vec![Taint {
                key: "gpu".to_owned(),
                value: String::new(),
                effect: TaintEffect::NoExecute,
            }],
            ..NodeWishes::default()
        };
        let patch = patch(&node(), &NodeChange::between(&wishes, &facts(&node())));
        assert_eq!(patch["metadata"]["labels"], json!({"a": "1", "example.com/b": null}));
        assert_eq!(
            patch["metadata"]["annotations"],
            json!({OUR_LABELS: "a", OUR_TAINTS: "gpu:NoExecute", OUR_CORDON: null})
        );
        assert_eq!(patch["spec"]["unschedulable"], Value::Null);
        let taints = patch["spec"]["taints"].as_array().unwrap();
        let keys: Vec<_> = taints.iter().map(|taint| (&taint["key"], &taint["effect"])).collect();
        assert_eq!(
            keys,
            [
                (&json!("node.kubernetes.io/unschedulable"), &json!("NoSchedule")),
                (&json!("dedicated"), &json!("Sometimes")),
                (&json!("gpu"), &json!("NoExecute")),
            ]
        );
        assert_eq!(taints[0]["timeAdded"], json!("2026-01-01T00:00:00Z"));
    }
}
