//! What the address families of the cluster's networks ask of Kubernetes' components: the pieces that nodes have of a pod network, and the
//! feature gate without which the first versions know one family alone.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::layers::{Layers, Written};
use super::render::ClusterSettings;
use super::tree::Tree;
use crate::error::{Class, Problem};
use crate::model::{ComponentDocument, Family, network_rules};

/// The minor version since which Kubernetes has both families in the way that it has them now
/// (https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/563-dual-stack).
pub const BOTH_FAMILIES_SINCE: u64 = 20;

/// Up to this one a cluster of both families has to be asked for by its gate; then it is there unless somebody turns it off.
const ASKED_FOR_UNTIL: u64 = 20;

/// Up to this one the gate can be turned off, and kubeadm and the controller manager take a piece's mask by other names.
const MAY_BE_OFF_UNTIL: u64 = 22;

const CLUSTER: &str = "ClusterConfiguration";
const GATE: &str = "IPv6DualStack";
const GATE_PATH: [&str; 2] = ["featureGates", GATE];
const WHY_GATE: &str = "pods have addresses of both families, which this version has to be told";
const WHY_MASK: &str = "a node's piece of this pod network";

/// What the controller manager calls the mask of a node's piece: of a cluster of one family, and by family.
const MASK: &str = "node-cidr-mask-size";
const MASK_4: &str = "node-cidr-mask-size-ipv4";
const MASK_6: &str = "node-cidr-mask-size-ipv6";

/// The masks of nodes' pieces of pod networks, as an operator's documents say them.
#[derive(Debug, Clone, Default)]
pub struct NodeMasks {
    arguments: BTreeMap<String, String>,
}

impl NodeMasks {
    /// Reads them out of the arguments of the controller manager, whichever form these have.
    pub fn of(documents: &[ComponentDocument]) -> Self {
        let of_cluster = documents.iter().filter(|document| document.kind == CLUSTER);
        let arguments =
            of_cluster.filter_map(|document| document.content.pointer("/controllerManager/extraArgs"));
        let mut known = Self::default();
        for written in arguments {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let named = |item: &Value| Some((text(item.get("name")?)?, text(item.get("value")?)?));
            match written {
                Value::Array(items) => known.arguments.extend(items.iter().filter_map(named)),
                Value::Object(fields) => {
                    known
                        .arguments
                        .extend(fields.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))));
                }
                _ => {}
            }
        }
        known
    }

    /// Returns the mask of a node's piece of a pod network; `None` where nodes have no pieces by Kubernetes.
    pub fn of_net(&self, pods: &IpNet) -> Option<u8> {
        if self.arguments.get("allocate-node-cidrs").is_some_and(|value| value == "false") {
            return None;
        }
        let own = match Family::of_net(pods) {
            Family::V4 => MASK_4,
            Family::V6 => MASK_6,
        };
        let written = [own, MASK].into_iter().find_map(|name| self.arguments.get(name)?.parse().ok());
        Some(written.unwrap_or_else(|| network_rules::node_mask(pods)))
    }
}

/// Puts in the masks that kubeadm would not choose itself, and the gate where a version has to be asked.
pub(super) fn defaults(layers: &mut Layers, cluster: &ClusterSettings<'_>) {
    let (pods, minor) = (cluster.network.pods, cluster.version.minor());
    if pods.second().is_some() && minor <= ASKED_FOR_UNTIL {
        layers.set(CLUSTER, &GATE_PATH, &json!(true), WHY_GATE);
    }
    let six = pods.each().find(|net| Family::of_net(net) == Family::V6);
    let Some(mask) = six.map(|net| network_rules::node_mask(&net)).filter(|mask| *mask != 64) else { return };
    let is_by_family = pods.second().is_some() || minor > MAY_BE_OFF_UNTIL;
    let argument = if is_by_family { MASK_6 } else { MASK };
    layers.set(CLUSTER, &["controllerManager", "extraArgs", argument], &json!(mask.to_string()), WHY_MASK);
    // With the gate, these look for the argument by the name that the controller manager refuses in a cluster of one family.
    if !is_by_family && minor > ASKED_FOR_UNTIL {
        layers.set(CLUSTER, &GATE_PATH, &json!(false), WHY_MASK);
    }
}

/// An operator cannot turn off what the networks need.
pub(super) fn against_gate(written: &[Written], cluster: &ClusterSettings<'_>) -> Vec<Problem> {
    if cluster.network.pods.second().is_none() || cluster.version.minor() > MAY_BE_OFF_UNTIL {
        return vec![];
    }
    let gates = written.iter().filter(|one| one.kind == CLUSTER).filter_map(|one| one.tree.get(&GATE_PATH));
    let off = gates.filter(|gate| gate.to_value() == json!(false));
    let told = |gate: &Tree| {
        let message = format!(
            "{}: `featureGates.{GATE}` is off, and pods are to have addresses of both families",
            gate.origin
        );
        let seen = format!("the pods' networks are {}", cluster.network.pods);
        Problem::new(Class::Config, message).saw(seen).remedy("leave it out, or keep one family")
    };
    off.map(told).collect()
}

/// Says the gate wherever gates are said: kubeadm puts its own in only where there are none.
pub(super) fn say_gate(layers: &mut Layers, cluster: &ClusterSettings<'_>) {
    if cluster.network.pods.second().is_none() || cluster.version.minor() > ASKED_FOR_UNTIL {
        return;
    }
    for component in ["apiServer", "controllerManager", "scheduler"] {
        let path = [component, "extraArgs", "feature-gates"];
        let said = layers.get(CLUSTER, &path).and_then(Tree::text).map(str::to_owned);
        let lacks = |said: &String| !said.split(',').any(|gate| gate.trim().starts_with(GATE));
        if let Some(said) = said.filter(lacks) {
            layers.set(CLUSTER, &path, &json!(format!("{said},{GATE}=true")), WHY_GATE);
        }
    }
}
