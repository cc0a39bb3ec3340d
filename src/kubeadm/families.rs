//! What the address families of the cluster's networks ask of Kubernetes' components: the pieces that nodes have of a pod network, and the
//! feature gate without which the first versions know one family alone.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::layers::Layers;
use super::origin::Origin;
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

/// With `false` nodes have no pieces by Kubernetes, and nobody reads masks.
const NO_PIECES: &str = "allocate-node-cidrs";

/// The masks of nodes' pieces of pod networks, as an operator's documents say them.
#[derive(Debug, Clone, Default)]
pub struct NodeMasks {
    arguments: BTreeMap<String, String>,
}

impl NodeMasks {
    /// Reads them out of the arguments of the controller manager, whichever form these have; of two documents the later one wins.
    pub fn of<'a>(documents: impl IntoIterator<Item = &'a ComponentDocument>) -> Self {
        let of_cluster = documents.into_iter().filter(|document| document.kind == CLUSTER);
        let arguments =
            of_cluster.filter_map(|document| document.content.pointer("/controllerManager/extraArgs"));
        let mut known = Self::default();
        for written in arguments {
            match written {
                Value::Array(items) => {
                    let named = |item: &'a Value| Some((item.get("name")?.as_str()?, item.get("value")?));
                    items.iter().filter_map(named).for_each(|(name, value)| known.say(name, value));
                }
                Value::Object(fields) => fields.iter().for_each(|(name, value)| known.say(name, value)),
                _ => {}
            }
        }
        known
    }

    /// Lays an argument over what was said before; `null` takes it away.
    fn say(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => drop(self.arguments.remove(name)),
            Value::String(text) => drop(self.arguments.insert(name.to_owned(), text.clone())),
            _ => {}
        }
    }

    /// Returns the mask of a node's piece of a pod network; `None` where nodes have no pieces by Kubernetes.
    pub fn of_net(&self, pods: &IpNet) -> Option<u8> {
        if self.arguments.get(NO_PIECES).is_some_and(|value| value == "false") {
            return None;
        }
        let own = mask_of(Family::of_net(pods));
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
    layers.set(CLUSTER, &argument_path(argument), &json!(mask.to_string()), WHY_MASK);
}

/// Takes the mask of the family that pods have not out of what an image says for both, as the controller manager refuses it.
fn leave_out_other_family(layers: &mut Layers, pods: &IpNet) {
    let other = argument_path(mask_of(Family::of_net(pods).other()));
    if layers.get(CLUSTER, &other).is_some_and(|tree| tree.origin == Origin::Image) {
        layers.take(CLUSTER, &other);
    }
}

/// Says the mask of a network that is alone once, by the name that the version takes it by: the controller manager refuses it by two.
/// What is written wins over what was computed, and stays as it is where kubeadm does not mind.
pub(super) fn say_mask_once(layers: &mut Layers, cluster: &ClusterSettings<'_>) {
    let (pods, minor) = (cluster.network.pods, cluster.version.minor());
    if pods.second().is_some() {
        return;
    }
    let pods = pods.first();
    leave_out_other_family(layers, &pods);
    let own = mask_of(Family::of_net(&pods));
    let is_written =
        |layers: &Layers, argument: &str| said(layers, argument).is_some_and(|tree| tree.origin.is_written());
    let fits_kubeadm = network_rules::of_pods(&pods, kubeadms_mask(&pods)).is_none();
    let (wanted, other) = if minor > MAY_BE_OFF_UNTIL { (own, MASK) } else { (MASK, own) };
    if is_written(layers, other) && !is_written(layers, wanted) {
        layers.take(CLUSTER, &argument_path(wanted));
        if minor <= MAY_BE_OFF_UNTIL || !fits_kubeadm {
            layers.rename(CLUSTER, &argument_path(other), &argument_path(wanted));
        }
    }
    // With the gate, these look for the argument by the name that the controller manager refuses in a cluster of one family.
    let may_be_off = minor > ASKED_FOR_UNTIL && minor <= MAY_BE_OFF_UNTIL;
    if may_be_off && !fits_kubeadm && said(layers, MASK).is_some() {
        layers.set(CLUSTER, &GATE_PATH, &json!(false), WHY_MASK);
    }
}

/// Finds what the networks forbid, in all that was written: the gate turned off, and masks that the controller manager refuses.
pub(super) fn against(layers: &Layers, cluster: &ClusterSettings<'_>) -> Vec<Problem> {
    let mut problems = against_masks(layers, cluster);
    if cluster.network.pods.second().is_some() && cluster.version.minor() <= MAY_BE_OFF_UNTIL {
        problems.extend(against_gate(layers, cluster));
    }
    problems
}

fn against_masks(layers: &Layers, cluster: &ClusterSettings<'_>) -> Vec<Problem> {
    let pods = cluster.network.pods;
    if said(layers, NO_PIECES).and_then(Tree::text) == Some("false") {
        return vec![];
    }
    let stranger = mask_of(pods.family().other());
    if let Some(mask) = said(layers, stranger).filter(|_| pods.second().is_none()) {
        let message = format!(
            "{}: `controllerManager.extraArgs.{stranger}` is for pods that have addresses of {}, and the controller manager \
             refuses it for others",
            mask.origin,
            pods.family().other()
        );
        let seen = format!("the pods' network is {pods}");
        return vec![
            Problem::new(Class::Config, message)
                .saw(seen)
                .remedy("leave it out, or give pods a network of each family"),
        ];
    }
    let Some(mask) = said(layers, MASK) else { return vec![] };
    let problem = |message: String, remedy: &str| {
        let seen = format!("the pods' networks are {pods}");
        vec![Problem::new(Class::Config, message).saw(seen).remedy(remedy)]
    };
    if pods.second().is_some() {
        return problem(
            format!(
                "{}: `controllerManager.extraArgs.{MASK}` is for pods of one address family, and the controller manager \
                 refuses it for both",
                mask.origin
            ),
            "write node-cidr-mask-size-ipv4 and node-cidr-mask-size-ipv6 in its place; where an image says it, `null` takes it away",
        );
    }
    let own = mask_of(pods.family());
    if said(layers, own).is_some() {
        return problem(
            format!("{}: the controller manager refuses `{MASK}` and `{own}` together", mask.origin),
            "leave one of them out; where an image says it, `null` takes it away",
        );
    }
    vec![]
}

/// Where components are told of gates, beside kubeadm's own.
const GATES_AS_TEXT: [(&str, &[&str]); 5] = [
    (CLUSTER, &["apiServer", "extraArgs", "feature-gates"]),
    (CLUSTER, &["controllerManager", "extraArgs", "feature-gates"]),
    (CLUSTER, &["scheduler", "extraArgs", "feature-gates"]),
    ("InitConfiguration", &["nodeRegistration", "kubeletExtraArgs", "feature-gates"]),
    ("JoinConfiguration", &["nodeRegistration", "kubeletExtraArgs", "feature-gates"]),
];

/// Nobody can turn off what the networks need.
fn against_gate(layers: &Layers, cluster: &ClusterSettings<'_>) -> Vec<Problem> {
    let as_fields = [CLUSTER, "KubeletConfiguration", "KubeProxyConfiguration"].into_iter();
    let fields =
        as_fields.filter_map(|kind| layers.get(kind, &GATE_PATH).map(|tree| (GATE_PATH.join("."), tree)));
    let fields = fields.filter(|(_, gate)| is_off(gate));
    let texts =
        GATES_AS_TEXT.iter().filter_map(|(kind, path)| Some((path.join("."), layers.get(kind, path)?)));
    let texts = texts
        .filter(|(_, said)| said.text().is_some_and(turns_gate_off))
        .map(|(path, said)| (format!("{path}` with `{GATE}"), said));
    let told = |(path, tree): (String, &Tree)| {
        let message =
            format!("{}: `{path}` is off, and pods are to have addresses of both families", tree.origin);
        let seen = format!("the pods' networks are {}", cluster.network.pods);
        Problem::new(Class::Config, message).saw(seen).remedy("leave it out, or keep one family")
    };
    fields.chain(texts).map(told).collect()
}

fn is_off(gate: &Tree) -> bool {
    gate.to_value() == json!(false) || gate.text().is_some_and(is_no)
}

/// Of two that say the same gate the last one counts.
fn turns_gate_off(said: &str) -> bool {
    let mut gates = said.split(',').filter_map(|gate| gate.trim().split_once('='));
    gates.rfind(|(name, _)| *name == GATE).is_some_and(|(_, value)| is_no(value))
}

fn is_no(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "false" | "f" | "0")
}

fn mask_of(family: Family) -> &'static str {
    match family {
        Family::V4 => MASK_4,
        Family::V6 => MASK_6,
    }
}

/// The mask that kubeadm takes for granted where none is said by the name that it looks for.
fn kubeadms_mask(pods: &IpNet) -> u8 {
    match Family::of_net(pods) {
        Family::V4 => 24,
        Family::V6 => 64,
    }
}

/// Returns an argument of the controller manager's, unless it was taken away.
fn said<'a>(layers: &'a Layers, argument: &str) -> Option<&'a Tree> {
    layers.get(CLUSTER, &argument_path(argument)).filter(|tree| !tree.is_null())
}

fn argument_path(argument: &str) -> [&str; 3] {
    ["controllerManager", "extraArgs", argument]
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
