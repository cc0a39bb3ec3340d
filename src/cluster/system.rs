//! What of the cluster itself is not Ready: the pods of kube-system, and elsewhere those that the cluster cannot do without.
//!
//! Pod networks have namespaces of their own. They are known by the priority of their DaemonSets, which Kubernetes keeps
//! for what a node or the cluster does not work without.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use crate::error::{Class, Context, Result};

/// The namespace that is the system's as a whole.
const NAMESPACE: &str = "kube-system";

/// The priorities that Kubernetes itself defines.
const PRIORITIES: [&str; 2] = ["system-node-critical", "system-cluster-critical"];

/// Something that is not Ready.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// What it is and what it waits for, as `namespace/name: why`.
    pub(super) why: String,
    /// The Node it is on. As long as that is silent, nothing is known of its pods, and who waits for them waits for the Node.
    pub(super) node: Option<String>,
}

/// Lists what is not Ready.
pub(super) async fn waiting(client: &Client) -> Result<Vec<Waiting>> {
    let every = ListParams::default();
    let sets = Api::<DaemonSet>::all(client.clone()).list(&every).await;
    let mut sets = sets.problem(Class::Kubernetes, "the API does not list its DaemonSets")?.items;
    sets.retain(is_of_the_system);
    let to_come = sets.iter().filter_map(pods_to_come);
    let mut waiting: Vec<Waiting> = to_come.map(|why| Waiting { why, node: None }).collect();
    // All pods of a large cluster are many, those of a few namespaces are not.
    let own = sets.iter().filter_map(ResourceExt::namespace);
    let namespaces: BTreeSet<String> = own.chain([NAMESPACE.to_owned()]).collect();
    for namespace in namespaces {
        let pods = Api::<Pod>::namespaced(client.clone(), &namespace).list(&every).await;
        let pods = pods.problem(Class::Kubernetes, "the API does not list its pods")?;
        let of_the_system = |pod: &&Pod| namespace == NAMESPACE || pod.spec.as_ref().is_some_and(is_critical);
        waiting.extend(pods.items.iter().filter(of_the_system).filter_map(waits_for));
    }
    Ok(waiting)
}

fn is_of_the_system(set: &DaemonSet) -> bool {
    set.namespace().as_deref() == Some(NAMESPACE) || set.spec.template.spec.as_ref().is_some_and(is_critical)
}

fn is_critical(pods: &PodSpec) -> bool {
    pods.priority_class_name.as_deref().is_some_and(|priority| PRIORITIES.contains(&priority))
}

/// Tells of a DaemonSet that has not made all its pods yet: those it has made speak for themselves.
fn pods_to_come(set: &DaemonSet) -> Option<String> {
    let name = || format!("{}/{}", set.namespace().unwrap_or_default(), set.name_any());
    let seen = |generation: Option<i64>| generation == set.metadata.generation;
    let Some(status) = set.status.as_ref().filter(|status| seen(status.observed_generation)) else {
        return Some(format!("{}: its pods are still to be made", name()));
    };
    let (made, wanted) = (status.current_number_scheduled, status.desired_number_scheduled);
    (made < wanted).then(|| format!("{}: {made} of {wanted} pods are made", name()))
}

/// Tells of a pod that is not Ready; one that has done its job waits for nothing.
fn waits_for(pod: &Pod) -> Option<Waiting> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() == Some("Succeeded") {
        return None;
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True") {
        return None;
    }
    let waiting = status
        .container_statuses
        .as_deref()
        .unwrap_or_default()
        .iter()
        .find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let why = waiting.or_else(|| status.phase.clone()).unwrap_or_else(|| "unknown".to_owned());
    let why = format!("{}/{}: {why}", pod.namespace().unwrap_or_default(), pod.name_any());
    Some(Waiting { why, node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(namespace: &str, priority: &str, status: &Value) -> DaemonSet {
        let template = json!({"spec": {"priorityClassName": priority, "containers": []}});
        serde_json::from_value(json!({
            "metadata": {"name": "d", "namespace": namespace, "generation": 2},
            "spec": {"selector": {}, "template": template},
            "status": status,
        }))
        .unwrap()
    }

    fn scheduled(observed: u32, made: u32, wanted: u32) -> Value {
        json!({"observedGeneration": observed, "currentNumberScheduled": made, "desiredNumberScheduled": wanted,
            "numberMisscheduled": 0, "numberReady": 0})
    }

    #[test]
    fn the_pod_network_is_known_by_its_priority_wherever_it_is() {
        for (namespace, priority, want) in [
            ("kube-flannel", "system-node-critical", true),
            ("calico-system", "system-cluster-critical", true),
            ("kube-system", "", true),
            ("logging", "", false),
            ("logging", "important", false),
        ] {
            let set = set(namespace, priority, &scheduled(2, 1, 1));
            assert_eq!(is_of_the_system(&set), want, "{namespace} {priority}");
        }
    }

    #[test]
    fn a_daemon_set_waits_until_all_its_pods_are_made() {
        for (status, want) in [
            (scheduled(2, 3, 3), None),
            (scheduled(2, 2, 3), Some("kube-flannel/d: 2 of 3 pods are made")),
            (scheduled(1, 3, 3), Some("kube-flannel/d: its pods are still to be made")),
            (Value::Null, Some("kube-flannel/d: its pods are still to be made")),
        ] {
            let set = set("kube-flannel", "system-node-critical", &status);
            assert_eq!(pods_to_come(&set).as_deref(), want, "{status}");
        }
    }

    #[test]
    fn a_pod_waits_until_it_is_ready_or_done() {
        for (status, want) in [
            (json!({"phase": "Succeeded"}), None),
            (json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}), None),
            (json!({"phase": "Pending"}), Some("kube-system/p: Pending")),
            (
                json!({"phase": "Pending", "containerStatuses": [{"name": "c", "ready": false, "restartCount": 0,
                    "image": "i", "imageID": "", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
                Some("kube-system/p: ImagePullBackOff"),
            ),
        ] {
            let pod = json!({"metadata": {"name": "p", "namespace": "kube-system"}, "status": status,
                "spec": {"nodeName": "n1", "containers": []}});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            let waits = waits_for(&pod);
            assert_eq!(waits.as_ref().map(|waiting| waiting.why.as_str()), want, "{status}");
            assert!(waits.is_none_or(|waiting| waiting.node.as_deref() == Some("n1")));
        }
    }
}
