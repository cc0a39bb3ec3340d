//! Questions to a cluster, asked with its own kubectl on one of its control planes.

use serde_json::Value;

use crate::machines::{Machine, until};

/// Runs kubectl there and returns what it printed.
pub(crate) fn kubectl(control_plane: Machine<'_>, arguments: &str) -> String {
    control_plane.sh(&command(arguments))
}

fn command(arguments: &str) -> String {
    // Its cache is not the cluster's doing, so it goes where no snapshot looks.
    format!(
        "KUBECACHEDIR=/dev/shm/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout 10s {arguments}"
    )
}

/// Returns the items of a list, or nothing when the API does not answer.
fn items(control_plane: Machine<'_>, what: &str) -> Option<Vec<Value>> {
    let output = control_plane.try_sh(&command(&format!("get {what} -o json")));
    let list: Value = serde_json::from_slice(&output.stdout).ok()?;
    list["items"].as_array().cloned()
}

/// Tells whether the API can be asked there.
pub(crate) fn answers(control_plane: Machine<'_>) -> bool {
    items(control_plane, "nodes").is_some()
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    })
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// The pods of the cluster itself, which a launch waits for.
const SYSTEM: &str = "pods -n kube-system";

/// Returns what is not Ready: nodes other than these, and pods; `None` when the API does not answer.
fn waiting(control_plane: Machine<'_>, nodes: &[Machine<'_>], pods: &str) -> Option<Vec<String>> {
    let found = items(control_plane, "nodes")?;
    let ready: Vec<String> = found.iter().filter(|node| is_ready(node)).map(name).collect();
    let lacking =
        nodes.iter().map(|machine| machine.hostname().to_owned()).filter(|node| !ready.contains(node));
    let unknown =
        found.iter().map(name).filter(|node| !nodes.iter().any(|machine| machine.hostname() == node));
    let pods = items(control_plane, pods)?;
    let pods = pods.iter().filter(|pod| !is_ready(pod)).map(name);
    Some(lacking.chain(unknown).chain(pods).collect())
}

/// Fails unless the cluster has just these nodes and all of them and all pods of the system are Ready now.
#[track_caller]
pub(crate) fn assert_ready(control_plane: Machine<'_>, nodes: &[Machine<'_>]) {
    assert_eq!(waiting(control_plane, nodes, SYSTEM), Some(vec![]));
}

/// Waits until that is so, and until every other pod is Ready as well.
pub(crate) fn await_ready(control_plane: Machine<'_>, nodes: &[Machine<'_>]) {
    until("everything is Ready", || {
        waiting(control_plane, nodes, "pods -A").is_some_and(|waiting| waiting.is_empty()).then_some(())
    });
}

/// Tells whether the API answers a machine at the virtual address that it is ready.
pub(crate) fn answers_at_vip(machine: Machine<'_>) -> bool {
    let answer = machine.try_sh("curl -ks --max-time 3 https://10.103.97.2:6443/readyz");
    answer.status.success() && answer.stdout == b"ok"
}

/// Asks the etcd of a control plane who belongs to it, through its gateway for JSON.
pub(crate) fn etcd_members(control_plane: Machine<'_>) -> Vec<Value> {
    let answer = control_plane.sh(
        "cd /etc/kubernetes/pki/etcd && curl -sS --cacert ca.crt --cert healthcheck-client.crt --key healthcheck-client.key \
         -X POST -d '{}' https://127.0.0.1:2379/v3/cluster/member/list",
    );
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["members"].as_array().cloned().unwrap_or_default()
}
