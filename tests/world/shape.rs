//! The world's whole state as it can be compared: without numbers that are drawn anew each time.

use std::fs;
use std::path::Path;

use sealift::model::{Digest, Role};
use sealift::steps::State as KeptState;
use serde_json::{Value, json};

use super::machine::Machine;
use super::operator::CLUSTER;
use super::state::{State, World};

impl World {
    /// Returns all there is on machines, in clusters and with the operator.
    pub fn shape(&self, home: &Path) -> Value {
        let state = self.state();
        let machines =
            state.machines.values().map(|machine| (machine.name.0.clone(), machine_shape(&state, machine)));
        let clusters: Vec<Value> = state.clusters.values().map(cluster_shape).collect();
        json!({
            "machines": machines.collect::<serde_json::Map<_, _>>(),
            "clusters": clusters,
            "operator": operator_shape(home),
        })
    }
}

fn machine_shape(state: &State, machine: &Machine) -> Value {
    let disk = &machine.disk;
    let own = &disk.kubernetes;
    // A CA is any, but the one of a cluster that lives.
    let authority = |authority: &Option<Digest>| match authority {
        None => "none",
        Some(authority) if state.clusters.contains_key(authority) => "the cluster's",
        Some(_) => "another's",
    };
    let marker = disk.marker.as_ref().map(|marker| {
        json!({
            "cluster": marker.cluster, "authority": authority(&marker.authority), "node": marker.node_name,
            "role": marker.role, "intent": marker.intent,
        })
    });
    let mut care = disk.care.clone();
    if let Some(tunnel) = care.as_mut().and_then(|care| care.get_mut("registry")?.as_object_mut()) {
        tunnel.remove("ca_pem");
    }
    json!({
        "on": machine.is_on(),
        "marker": marker,
        "agent": disk.agent,
        "receipts": disk.receipts.keys().collect::<Vec<_>>(),
        "layers": disk.layers,
        "partial": disk.partial,
        "rootfs": disk.rootfs,
        "applications": disk.applications,
        "hosts": disk.hosts,
        "care": care,
        "enabled": disk.enabled,
        "running": machine.memory.running,
        "runtime": disk.runtime,
        "authority": authority(&own.authority),
        "kubernetes": [own.admin, own.manifests, own.kubelet, own.member.is_some()],
        "configured": own.configured,
        "put_aside": disk.put_aside,
        "kubelet_arguments": disk.kubelet_arguments,
        "comes_as": disk.comes_as,
        "registry_users": disk.registry_users,
        "locked": machine.memory.lock.is_some(),
        // On a machine of the cluster's they may be there or not: it may have been restarted.
        "a lock's files, and nobody's machine": machine.memory.lock_files && disk.marker.is_none(),
        "connections": machine.connections.len(),
        "under_way": machine.memory.works.values().filter(|work| work.is_under_way()).count(),
    })
}

fn cluster_shape(cluster: &super::cluster::Cluster) -> Value {
    let mut members: Vec<Value> = cluster
        .members
        .iter()
        .map(|member| json!([member.machine, member.address, member.learner]))
        .collect();
    members.sort_by_key(ToString::to_string);
    json!({
        "members": members,
        "nodes": cluster.nodes,
        "furnished": cluster.furnished,
        "tokens": cluster.tokens,
        "certificates": cluster.certificates,
        "applications": cluster.applications.keys().collect::<Vec<_>>(),
        "state": cluster.state.as_deref().map(state_shape),
        "documents": cluster.documents,
        "configured": cluster.configured,
        "lease is free": cluster.lease.is_free(),
    })
}

fn operator_shape(home: &Path) -> Value {
    let directory = home.join("clusters").join(CLUSTER);
    let state = fs::read_to_string(directory.join("state.json")).ok();
    let kubeconfig = fs::read_to_string(directory.join("kubeconfig")).ok();
    // Any control plane of the cluster is as good as another.
    let kubeconfig = kubeconfig.map(|text| {
        let known = state.as_deref().map(|text| KeptState::from_json(text).unwrap());
        let machines = known.into_iter().flat_map(|state| state.cluster.machines);
        let control_planes = machines.filter(|machine| machine.role == Role::ControlPlane);
        control_planes.fold(text, |text, machine| {
            text.replace(&format!("https://{}:", machine.address), "https://CONTROL-PLANE:")
        })
    });
    json!({"state": state.map(|text| state_shape(&text)), "kubeconfig": kubeconfig})
}

/// What is kept of a cluster, without ids, secrets, the identity, and the runs that there were.
fn state_shape(text: &str) -> Value {
    let mut state: Value = serde_json::from_str(text).unwrap();
    let fields = state.as_object_mut().unwrap();
    for field in ["launch", "history"] {
        fields.remove(field);
    }
    let registry = fields.remove("registry").unwrap();
    fields.insert("registry".to_owned(), json!([registry["username"], registry["former"]["username"]]));
    // In which order they went is nobody's business.
    if let Some(left) = fields.get_mut("left").and_then(Value::as_array_mut) {
        left.sort_by_key(ToString::to_string);
    }
    let known = fields.get("authority").is_some_and(|authority| !authority.is_null());
    fields.insert("authority".to_owned(), known.into());
    state
}
