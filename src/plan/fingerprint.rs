//! What a plan was made from, as one digest: a saved plan is only carried out while it is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write as _};
use std::net::IpAddr;

use serde::Serialize;

use super::desired::Desired;
use crate::model::{
    ApiFacts, Arch, Cluster, Configuration, ControlGroups, Digest, DigestWriter, EtcdMember, ImageContract,
    Intent, Launched, MachineFacts, MachineName, MachineSpec, Marker, NodeFacts, Observed, OursOnNode, Part,
    Receipt, Role, Seen, Taint,
};

/// Returns the digest of the definition and of every observed fact that decides what is planned.
///
/// Clocks, free space and loads are not in it, nor what only decides whether something is waited for or tidied up, nor
/// which kubeconfig the operator has, nor how machines are logged in to, and no secret: a
/// plan that was saved before the first run of a cluster is carried out with other credentials than it was made with.
pub fn fingerprint(desired: &Desired, observed: &Observed) -> Digest {
    let leaving = desired.leaving.iter().map(MachineSpec::without_login).collect();
    let wished = desired.cluster.machines.iter().flat_map(|spec| spec.node.labels.keys()).collect();
    let basis = Basis {
        cluster: desired.cluster.without_logins(),
        images: &desired.images,
        leaving,
        parting: &desired.parting,
        made_with: desired.former.as_ref().map(|former| &former.made_with),
        machines: observed.machines.iter().map(|(name, seen)| (name, machine(seen))).collect(),
        api: match &observed.api {
            None => Api::NeverMade,
            Some(Seen::Unknown(_)) => Api::Silent,
            Some(Seen::Known(facts)) => Api::Shown(api(facts, &wished)),
        },
    };
    let mut writer = BufWriter::new(DigestWriter::new(io::sink()));
    // Nothing is written anywhere, so nothing can fail; maps are ordered, so the text is the same for the same input.
    let _ = serde_json::to_writer(&mut writer, &basis);
    let _ = writer.flush();
    writer.into_inner().map_or_else(|_| Digest::of([]), |writer| writer.finish().1)
}

#[derive(Serialize)]
struct Basis<'a> {
    cluster: Cluster,
    images: &'a [ImageContract],
    leaving: Vec<MachineSpec>,
    parting: &'a [ImageContract],
    #[serde(skip_serializing_if = "Option::is_none")]
    made_with: Option<&'a Configuration>,
    /// Silence is a fact too.
    machines: BTreeMap<&'a MachineName, Option<MachineShown<'a>>>,
    api: Api<'a>,
}

#[derive(Serialize)]
enum Api<'a> {
    NeverMade,
    Silent,
    Shown(ApiShown<'a>),
}

#[derive(Serialize)]
struct MachineShown<'a> {
    machine_id: &'a str,
    hostname: &'a str,
    arch: Arch,
    kernel: &'a str,
    control_groups: ControlGroups,
    may_lower_oom_score: bool,
    authority: &'a Option<Digest>,
    marker: Option<MarkerShown<'a>>,
    layers: &'a BTreeSet<Digest>,
    receipts: &'a BTreeMap<String, Receipt>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    put_aside: &'a BTreeSet<Part>,
    running: Vec<&'a str>,
    joined: bool,
    cri_answers: bool,
    api_ready: bool,
}

/// Of a marker, what does not change with every run.
#[derive(Serialize)]
struct MarkerShown<'a> {
    cluster: &'a str,
    authority: &'a Option<Digest>,
    machine_id: &'a str,
    node_name: &'a str,
    role: Role,
    intent: Intent,
}

#[derive(Serialize)]
struct ApiShown<'a> {
    version: &'a str,
    nodes: BTreeMap<&'a str, NodeShown<'a>>,
    etcd: &'a [EtcdMember],
    applications: &'a BTreeMap<String, Launched>,
    definition: &'a Option<Digest>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    configured: &'a Configuration,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lacks_proxy: bool,
}

#[derive(Serialize)]
struct NodeShown<'a> {
    machine_id: &'a str,
    version: &'a str,
    addresses: &'a [IpAddr],
    control_plane: bool,
    cordoned: bool,
    labels: BTreeMap<&'a str, &'a str>,
    taints: Vec<&'a Taint>,
    ours: &'a OursOnNode,
}

fn machine(seen: &Seen<Box<MachineFacts>>) -> Option<MachineShown<'_>> {
    let facts = seen.known()?;
    Some(MachineShown {
        machine_id: &facts.machine_id,
        hostname: &facts.hostname,
        arch: facts.arch,
        kernel: &facts.kernel,
        control_groups: facts.control_groups,
        may_lower_oom_score: facts.may_lower_oom_score,
        authority: &facts.authority,
        marker: facts.marker.as_ref().map(marker),
        layers: &facts.holdings.layers,
        receipts: &facts.holdings.receipts,
        put_aside: &facts.holdings.put_aside,
        running: facts.units.keys().map(String::as_str).filter(|unit| facts.runs(unit)).collect(),
        joined: facts.joined,
        cri_answers: facts.cri_answers,
        api_ready: facts.api_ready,
    })
}

fn marker(marker: &Marker) -> MarkerShown<'_> {
    MarkerShown {
        cluster: &marker.cluster,
        authority: &marker.authority,
        machine_id: &marker.machine_id,
        node_name: &marker.node_name,
        role: marker.role,
        intent: marker.intent,
    }
}

fn api<'a>(api: &'a ApiFacts, wished: &BTreeSet<&String>) -> ApiShown<'a> {
    ApiShown {
        version: &api.version,
        nodes: api.nodes.iter().map(|facts| (facts.name.as_str(), node(facts, wished))).collect(),
        etcd: &api.etcd,
        applications: &api.applications,
        definition: &api.definition,
        configured: &api.configured,
        lacks_proxy: api.lacks_proxy,
    }
}

/// Of labels only those are shown that somebody wishes or we have set, and of taints none by which Kubernetes says how a Node
/// is: they come and go by themselves.
fn node<'a>(node: &'a NodeFacts, wished: &BTreeSet<&String>) -> NodeShown<'a> {
    let matters = |key: &&String| wished.contains(*key) || node.ours.labels.contains(*key);
    let labels = node.labels.iter().filter(|(key, _)| matters(key));
    let taints = node.taints.iter().filter(|taint| !taint.key.starts_with("node.kubernetes.io/"));
    NodeShown {
        machine_id: &node.machine_id,
        version: &node.version,
        addresses: &node.addresses,
        control_plane: node.control_plane,
        cordoned: node.cordoned,
        labels: labels.map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        taints: taints.collect(),
        ours: &node.ours,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{desired, member, observed};
    use super::*;
    use crate::error::{Class, Problem};
    use crate::model::SecretPlace;

    fn of(change: fn(&mut Desired, &mut Observed)) -> Digest {
        let mut desired = desired(1, 1);
        let mut observed = observed(&desired, |spec| member(&desired, spec));
        change(&mut desired, &mut observed);
        fingerprint(&desired, &observed)
    }

    fn facts(observed: &mut Observed) -> &mut MachineFacts {
        let first = observed.machines.values_mut().next().unwrap();
        let Seen::Known(facts) = first else { panic!() };
        facts
    }

    fn api(observed: &mut Observed) -> &mut ApiFacts {
        let Some(Seen::Known(api)) = &mut observed.api else { panic!() };
        api
    }

    /// What is changed, and how.
    type Change = (&'static str, fn(&mut Desired, &mut Observed));

    #[test]
    fn what_decides_a_plan_moves_it() {
        let changes: [Change; 16] = [
            ("a machine less", |desired, _| drop(desired.cluster.machines.pop())),
            ("a machine that leaves", |desired, _| {
                let last = desired.cluster.machines.pop().unwrap();
                desired.leaving.push(last);
            }),
            ("a variable", |desired, _| {
                desired.cluster.environment.insert("a".to_owned(), "b".to_owned());
            }),
            ("another image", |desired, _| desired.images[0].manifest = Digest::of("other")),
            ("a wished label", |desired, _| {
                desired.cluster.machines[0].node.labels.insert("zone".to_owned(), "a".to_owned());
            }),
            ("silence", |_, observed| {
                let silent = Problem::new(Class::Connection, "no route");
                *observed.machines.values_mut().next().unwrap() = Seen::Unknown(silent);
            }),
            ("a marker", |_, observed| facts(observed).marker = None),
            ("a layer", |_, observed| {
                facts(observed).holdings.layers.pop_first();
            }),
            ("a receipt", |_, observed| drop(facts(observed).holdings.receipts.pop_first())),
            ("a unit that stopped", |_, observed| drop(facts(observed).units.pop_first())),
            ("a machine that was let in", |_, observed| facts(observed).joined = false),
            ("another definition in the cluster", |_, observed| api(observed).definition = None),
            ("a Node", |_, observed| drop(api(observed).nodes.pop())),
            ("a Node that was closed", |_, observed| api(observed).nodes[0].cordoned = true),
            ("an etcd that fell silent", |_, observed| api(observed).etcd[0].healthy = false),
            ("no API", |_, observed| observed.api = None),
        ];
        let before = of(|_, _| {});
        for (what, change) in changes {
            assert_ne!(of(change), before, "{what}");
        }
    }

    #[test]
    fn what_changes_by_itself_does_not() {
        let changes: [Change; 10] = [
            ("the way in to a machine", |desired, _| {
                let machine = &mut desired.cluster.machines[0];
                machine.ssh.port = Some(2222);
                machine.login.password = Some(SecretPlace::File("/elsewhere".into()));
            }),
            ("the clock", |_, observed| facts(observed).clock = 1),
            ("free space", |_, observed| facts(observed).room.bytes = 1),
            ("the lock's holders", |_, observed| facts(observed).marker.as_mut().unwrap().epoch = 7),
            ("what runs now", |_, observed| {
                facts(observed).holdings.under_way = Some("prepare".to_owned());
            }),
            ("a pod that waits", |_, observed| api(observed).waiting_pods.push("a pod".to_owned())),
            ("a Node that is not Ready for a moment", |_, observed| api(observed).nodes[0].ready = false),
            ("labels that nobody wishes", |_, observed| {
                api(observed).nodes[0].labels.insert("theirs".to_owned(), String::new());
            }),
            ("the launch of a cluster that is still to be made", |desired, _| {
                desired.launch = "other".to_owned();
            }),
            ("its credentials", |desired, _| desired.registry.password = "other".to_owned()),
        ];
        let before = of(|_, _| {});
        for (what, change) in changes {
            assert_eq!(of(change), before, "{what}");
        }
    }
}
