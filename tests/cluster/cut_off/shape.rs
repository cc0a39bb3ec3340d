//! What a cluster is like, as far as it is the same each time that it is made on the same machines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::LazyLock;

use regex::RegexSet;
use serde_json::{Value, json};

use crate::kubernetes::{etcd_members, kubectl};
use crate::machines::Machine;
use crate::operator::Operator;
use crate::snapshot::Snapshot;

/// What is there, by machine, and for the cluster itself.
pub(super) type Shape = BTreeMap<String, Snapshot>;

/// Where a cluster puts things on machines, and where a run does that was cut off.
const PLACES: [&str; 10] = [
    "/etc",
    "/usr",
    "/opt",
    "/root",
    "/home",
    "/tmp",
    "/var/lib/sealift",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
    "/run/sealift",
];

/// Files that have another content each time, and why.
const MADE_ANEW: [(&str, &str); 6] = [
    (r"file /etc/kubernetes/.*", "keys and certificates"),
    (r"file /var/lib/sealift/(registry|care)/.*", "the registry's authority is another one"),
    (
        r"file (/etc/(registry|containerd/certs\.d)|/var/lib/sealift/data/again/rootfs/etc)/.*",
        "images write the registry's credentials there",
    ),
    (r"file /var/lib/sealift/receipts/.*", "and their receipts are of these"),
    (r"file /var/lib/sealift/machine\.json", "its launch and its epoch; the rest is compared"),
    (r"file /run/sealift/(epoch|operator\.json|work/.*/(identity|log)|kubectl/.*)", "it is of one run"),
];

/// What is there or not, and neither is anybody's fault.
const COMES_AND_GOES: [(&str, &str); 1] =
    [(r"file /var/lib/sealift/care/learned\.json", "care writes down by itself what the cluster tells it")];

/// What of a machine's marker is of one launch and one run.
const OF_ONE_LAUNCH: [&str; 3] = ["launch", "authority", "epoch"];

/// Objects that stay until somebody takes them away.
const OBJECTS: &str = "deployments,daemonsets,services,configmaps,secrets,serviceaccounts,namespaces,\
                       clusterroles,clusterrolebindings,roles,rolebindings,poddisruptionbudgets";

/// Looks at a cluster through its first control plane, and at its machines.
pub(super) fn look(operator: &Operator, name: &str, first: Machine<'_>, members: &[Machine<'_>]) -> Shape {
    let known = operator.home().join("clusters").join(name).join("state.json");
    let known: Value = serde_json::from_str(&fs::read_to_string(known).unwrap()).unwrap();
    let machines = members.iter().map(|machine| (machine.hostname().to_owned(), on_machine(*machine)));
    machines.chain([("the cluster".to_owned(), in_cluster(first, members, &known))]).collect()
}

fn on_machine(machine: Machine<'_>) -> Snapshot {
    let (anew, absent) = (&*ANEW, &*ABSENT);
    Snapshot::of_trees(machine, &PLACES).map(|name, value| {
        if absent.is_match(name) {
            return None;
        }
        // Its kind, mode and owner stay.
        let stays = if anew.is_match(name) { value.split_once("; ").map(|(stays, _)| stays) } else { None };
        Some(stays.unwrap_or(value).to_owned())
    })
}

static ANEW: LazyLock<RegexSet> = LazyLock::new(|| set(&MADE_ANEW));
static ABSENT: LazyLock<RegexSet> = LazyLock::new(|| set(&COMES_AND_GOES));

fn set(list: &[(&str, &str)]) -> RegexSet {
    RegexSet::new(list.iter().map(|(pattern, _)| format!("^(?:{pattern})$"))).unwrap()
}

/// What the API, etcd and the operator know, and whose the machines are.
fn in_cluster(first: Machine<'_>, members: &[Machine<'_>], known: &Value) -> Snapshot {
    let mut text = String::new();
    let mut tell = |kind: &str, name: &str, value: &Value| {
        writeln!(text, "{kind}\t{name}\t{value}").unwrap();
    };
    for node in list(first, "nodes") {
        let ours = node["metadata"]["annotations"].as_object().into_iter().flatten();
        let ours: BTreeMap<_, _> = ours.filter(|(name, _)| name.starts_with("sealift.io/")).collect();
        // Kubernetes taints a Node by itself that was not Ready a moment ago.
        let taints = node["spec"]["taints"].as_array().into_iter().flatten();
        let taints: Vec<&Value> = taints
            .filter(|taint| !taint["key"].as_str().unwrap().starts_with("node.kubernetes.io/"))
            .collect();
        let is = json!([node["metadata"]["labels"], taints, node["spec"]["unschedulable"], ours]);
        tell("node", node["metadata"]["name"].as_str().unwrap(), &is);
    }
    for object in list(first, &format!("{OBJECTS} -A")) {
        let of = &object["metadata"];
        let place = of["namespace"].as_str().unwrap_or_default();
        tell(
            object["kind"].as_str().unwrap(),
            &format!("{place}/{}", of["name"].as_str().unwrap()),
            &Value::Null,
        );
    }
    for name in ["kubeadm-config", "kubelet-config", "kube-proxy"] {
        let map = kubectl(first, &format!("get configmap {name} -n kube-system -o json"));
        let map: Value = serde_json::from_str(&map).unwrap();
        tell("configuration", name, &map["data"]);
    }
    for member in etcd_members(first) {
        tell("etcd member", member["name"].as_str().unwrap(), &member["isLearner"]);
    }
    let holder = "get lease sealift -n kube-system -o jsonpath={.spec.holderIdentity}";
    tell("lock", "holder", &kubectl(first, holder).into());
    for part in ["cluster", "images", "leaving"] {
        tell("operator", part, &known[part]);
    }
    // In the order in which they were clean, and that is another one each time.
    let left: BTreeSet<&str> =
        known["left"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    tell("operator", "left", &json!(left));
    for machine in members {
        let mut marker: Value =
            serde_json::from_str(&machine.sh("cat /var/lib/sealift/machine.json")).unwrap();
        for field in OF_ONE_LAUNCH {
            marker.as_object_mut().unwrap().remove(field);
        }
        tell("marker", machine.hostname(), &marker);
    }
    Snapshot::read(&text)
}

fn list(first: Machine<'_>, what: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&kubectl(first, &format!("get {what} -o json"))).unwrap();
    list["items"].as_array().cloned().unwrap()
}
