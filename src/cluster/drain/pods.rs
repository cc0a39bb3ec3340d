//! Which pods have to leave a Node, and which of them have not yet.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Toleration};

/// The taint of a Node that takes no new pods; who tolerates it may come back at once.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// The annotation of pods that kubelet runs from a file and only shows to the API.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// One pod, told from a later one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PodKey {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

impl std::fmt::Display for PodKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// How far a pod that has to leave has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody has told it to go; why the API refused the last time.
    Here(Option<String>),
    /// It is ending.
    Ending,
}

/// What a look at the Node's pods found new.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) gone: Vec<PodKey>,
    /// Pods that nobody will make again elsewhere.
    pub(super) without_controller: Vec<PodKey>,
}

/// The pods that have to leave.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pods: BTreeMap<PodKey, Stage>,
    looked: bool,
}

impl Leaving {
    /// Takes note of what runs on the Node now.
    pub(super) fn look(&mut self, pods: &[Pod]) -> Change {
        let mut change = Change::default();
        let mut seen = BTreeMap::new();
        for pod in pods.iter().filter(|pod| has_to_leave(pod)) {
            let key = key(pod);
            let known = self.pods.get(&key);
            if known.is_none() {
                // It came although the Node is closed: it would come again and again.
                if self.looked && may_come_back(pod) {
                    continue;
                }
                if controller(pod).is_none() {
                    change.without_controller.push(key.clone());
                }
            }
            let stage = match (known, pod.metadata.deletion_timestamp.is_some()) {
                (_, true) => Stage::Ending,
                (Some(Stage::Here(why)), false) => Stage::Here(why.clone()),
                (_, false) => Stage::Here(None),
            };
            seen.insert(key, stage);
        }
        change.gone = self.pods.keys().filter(|key| !seen.contains_key(key)).cloned().collect();
        self.pods = seen;
        self.looked = true;
        change
    }

    /// Returns the pods that are still to be told to go.
    pub(super) fn here(&self) -> Vec<PodKey> {
        let here = self.pods.iter().filter(|(_, stage)| matches!(stage, Stage::Here(_)));
        here.map(|(key, _)| key.clone()).collect()
    }

    /// Returns all that are left.
    pub(super) fn all(&self) -> Vec<PodKey> {
        self.pods.keys().cloned().collect()
    }

    /// Records that a pod may not go yet, and tells whether that is news.
    pub(super) fn refused(&mut self, key: &PodKey, why: &str) -> bool {
        match self.pods.get_mut(key) {
            Some(Stage::Here(last)) if last.as_deref() != Some(why) => {
                *last = Some(why.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Records that a pod was told to go.
    pub(super) fn told(&mut self, key: &PodKey) {
        if let Some(stage) = self.pods.get_mut(key) {
            *stage = Stage::Ending;
        }
    }

    /// Tells whether nothing is left to wait for. The pods of a silent kubelet never end: nobody there ends them.
    pub(super) fn is_over(&self, kubelet: Kubelet) -> bool {
        match kubelet {
            Kubelet::Answers => self.pods.is_empty(),
            Kubelet::Silent => self.pods.values().all(|stage| *stage == Stage::Ending),
        }
    }

    /// Says of each pod that is left what it waits for.
    pub(super) fn told_by_pod(&self) -> Vec<String> {
        self.pods
            .iter()
            .map(|(key, stage)| match stage {
                Stage::Here(Some(why)) => format!("{key}: {why}"),
                Stage::Here(None) => format!("{key}: the API has not let it go"),
                Stage::Ending => format!("{key}: it was told to go and has not ended"),
            })
            .collect()
    }
}

/// Whether a Node's kubelet reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kubelet {
    Answers,
    Silent,
}

/// Daemons belong to the Node, mirrors to its kubelet, and a pod that is done holds nothing any more.
fn has_to_leave(pod: &Pod) -> bool {
    let mirror =
        pod.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(MIRROR));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    !mirror && controller(pod) != Some("DaemonSet") && !matches!(phase, "Succeeded" | "Failed")
}

fn controller(pod: &Pod) -> Option<&str> {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.kind.as_str())
}

fn may_come_back(pod: &Pod) -> bool {
    let tolerates = |toleration: &Toleration| match toleration.key.as_deref() {
        None | Some("") => toleration.operator.as_deref() == Some("Exists"),
        Some(key) => key == UNSCHEDULABLE,
    };
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    tolerations.iter().any(tolerates)
}

fn key(pod: &Pod) -> PodKey {
    let metadata = &pod.metadata;
    PodKey {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, more: &Value) -> Pod {
        let mut pod = json!({"metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": true}]},
            "spec": {"containers": []}, "status": {"phase": "Running"}});
        json_patch::merge(&mut pod, more);
        serde_json::from_value(pod).unwrap()
    }

    fn plain(name: &str) -> Pod {
        pod(name, &json!({}))
    }

    fn ending(name: &str) -> Pod {
        pod(name, &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
    }

    fn names(keys: &[PodKey]) -> Vec<&str> {
        keys.iter().map(|key| key.name.as_str()).collect()
    }

    #[test]
    fn daemons_mirrors_and_what_is_done_stay() {
        let owner = |kind: &str| {
            json!({"metadata": {"ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": "d", "uid": "u", "controller": true}]}})
        };
        let mut leaving = Leaving::default();
        leaving.look(&[
            pod("daemon", &owner("DaemonSet")),
            pod("mirror", &json!({"metadata": {"annotations": {MIRROR: "x"}}})),
            pod("done", &json!({"status": {"phase": "Succeeded"}})),
            pod("failed", &json!({"status": {"phase": "Failed"}})),
            pod("set", &owner("StatefulSet")),
            plain("web"),
        ]);
        assert_eq!(names(&leaving.here()), ["set", "web"]);
    }

    #[test]
    fn a_pod_without_a_controller_is_told_once() {
        let alone = pod("alone", &json!({"metadata": {"ownerReferences": null}}));
        let mut leaving = Leaving::default();
        assert_eq!(names(&leaving.look(&[alone.clone(), plain("web")]).without_controller), ["alone"]);
        assert_eq!(leaving.look(&[alone]).without_controller, []);
    }

    #[test]
    fn it_is_over_when_the_last_one_has_ended() {
        let mut leaving = Leaving::default();
        leaving.look(&[plain("a"), plain("b")]);
        leaving.told(&leaving.here()[0].clone());
        assert_eq!(names(&leaving.here()), ["b"]);
        assert_eq!(names(&leaving.look(&[ending("a"), ending("b")]).gone), [""; 0]);
        assert!(!leaving.is_over(Kubelet::Answers) && leaving.is_over(Kubelet::Silent));
        assert_eq!(names(&leaving.look(&[ending("b")]).gone), ["a"]);
        assert_eq!(names(&leaving.look(&[]).gone), ["b"]);
        assert!(leaving.is_over(Kubelet::Answers));
    }

    #[test]
    fn a_later_pod_of_the_same_name_is_another_one() {
        let mut leaving = Leaving::default();
        leaving.look(&[plain("db-0")]);
        let again = pod("db-0", &json!({"metadata": {"uid": "later"}}));
        assert_eq!(names(&leaving.look(&[again]).gone), ["db-0"]);
        assert_eq!(leaving.here()[0].uid, "later");
    }

    #[test]
    fn who_comes_back_to_a_closed_node_is_not_chased() {
        let everywhere = |uid: &str| {
            pod("e", &json!({"metadata": {"uid": uid}, "spec": {"tolerations": [{"operator": "Exists"}]}}))
        };
        let mut leaving = Leaving::default();
        leaving.look(&[everywhere("first")]);
        assert_eq!(leaving.here().len(), 1);
        leaving.look(&[everywhere("second")]);
        assert!(leaving.is_over(Kubelet::Answers));
        // One that was bound in the moment of closing goes like the others.
        leaving.look(&[plain("late")]);
        assert_eq!(names(&leaving.here()), ["late"]);
    }

    #[test]
    fn a_refusal_is_news_once_and_evidence_in_the_end() {
        let mut leaving = Leaving::default();
        leaving.look(&[plain("a"), ending("b")]);
        let a = leaving.here()[0].clone();
        assert!(leaving.refused(&a, "budget web") && !leaving.refused(&a, "budget web"));
        leaving.look(&[plain("a"), ending("b")]);
        assert!(!leaving.refused(&a, "budget web"), "a look does not forget it");
        assert_eq!(
            leaving.told_by_pod(),
            ["default/a: budget web", "default/b: it was told to go and has not ended"]
        );
    }
}
