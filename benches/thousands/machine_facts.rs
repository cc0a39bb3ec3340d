//! What machines and the API show, as large as it is in reality.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Result;
use sealift::model::{
    ApiFacts, Arch, Baseline, CertificateFacts, Digest, EtcdMember, Intent, Interface, Kubeconfig, Launched,
    MachineFacts, MachineSpec, Marker, NodeFacts, Observed, Receipt, Role, Room, Seen, UnitState,
};
use sealift::plan::{self, Desired};

/// Returns a machine as it comes out of an installer.
pub(crate) fn fresh(spec: &MachineSpec) -> Result<MachineFacts> {
    let interface = |name: &str, address: IpAddr, prefix| {
        anyhow::Ok(Interface {
            name: name.to_owned(),
            mtu: 1500,
            addresses: vec![ipnet::IpNet::new(address, prefix)?],
        })
    };
    Ok(MachineFacts {
        machine_id: machine_id(spec),
        product_uuid: Some(format!("uuid of {}", spec.name)),
        kernel: "6.12.48+deb13-amd64".to_owned(),
        system: "Debian GNU/Linux 13 (trixie)".to_owned(),
        container: false,
        may_lower_oom_score: true,
        may_set_conntrack: true,
        has_local_time: true,
        processors: 32,
        memory: 256 << 30,
        room: Room { bytes: 2000 << 30, inodes: Some(100_000_000) },
        fsync_milliseconds: Some(1),
        interfaces: vec![
            interface("lo", [127, 0, 0, 1].into(), 8)?,
            interface("eth0", spec.address, 16)?,
            interface("eth1", [192, 168, 7, 7].into(), 24)?,
        ],
        nameservers: vec![[10, 250, 0, 53].into(), [10, 250, 1, 53].into()],
        ..plan::foreseen(&node_name(spec), Arch::Amd64)
    })
}

/// Returns a machine of the cluster that has all that is desired.
pub(crate) fn member(desired: &Desired, spec: &MachineSpec) -> Result<MachineFacts> {
    let mut facts = fresh(spec)?;
    let receipts = [
        ("lay-out", plan::lay_out(desired, spec, &facts)),
        ("registry", plan::registry(desired, spec, &facts)),
        ("endpoints", plan::connected(desired, spec)),
        ("prepare", plan::prepared(desired, spec, &facts)),
    ];
    let own = receipts.into_iter().filter(|(work, _)| spec.role == Role::ControlPlane || *work != "registry");
    let receipt = |(work, digest): (&str, Digest)| (work.to_owned(), Receipt::of(digest));
    facts.holdings.receipts = own.map(receipt).collect();
    facts.holdings.layers =
        desired.images.iter().flat_map(|image| &image.layers).map(|layer| layer.diff_id.clone()).collect();
    let units = ["registry.service", "sealift-care.service", "containerd.service", "kubelet.service"];
    let active = || UnitState { active: "active".to_owned(), enabled: true };
    facts.units = units.into_iter().map(|unit| (unit.to_owned(), active())).collect();
    facts.marker = Some(Marker {
        cluster: desired.cluster.name.clone(),
        launch: desired.launch.clone(),
        authority: Some(Digest::of("ca")),
        machine_id: machine_id(spec),
        node_name: node_name(spec),
        role: spec.role,
        intent: Intent::Member,
        entrance: None,
        name: spec.name.clone(),
        epoch: 7,
        before: Baseline {
            interfaces: ["lo", "eth0", "eth1"].map(str::to_owned).into(),
            ..Baseline::default()
        },
    });
    facts.authority = Some(Digest::of("ca"));
    facts.joined = true;
    facts.cri_answers = true;
    facts.api_ready = spec.role == Role::ControlPlane;
    let names = ["apiserver", "etcd-server", "admin.conf", "kubelet"];
    facts.certificates = names
        .into_iter()
        .map(|name| CertificateFacts { name: name.to_owned(), expires: 1_900_000_000 })
        .collect();
    Ok(facts)
}

/// Returns the API of a cluster with these machines.
pub(crate) fn api<'a>(desired: &Desired, members: impl Iterator<Item = &'a MachineSpec>) -> ApiFacts {
    let mut api = ApiFacts { version: "v1.36.3".to_owned(), ..ApiFacts::default() };
    for spec in members {
        api.nodes.push(node(spec));
        if spec.role == Role::ControlPlane {
            api.etcd.push(EtcdMember {
                id: api.etcd.len() as u64 + 1,
                name: node_name(spec),
                peer_urls: vec![format!("https://{}:2380", spec.address)],
                learner: false,
                healthy: true,
            });
        }
    }
    let launched = |image| Launched::of(plan::launched(desired, image));
    api.applications = desired.applications().map(|image| (image.name.clone(), launched(image))).collect();
    let Desired { cluster, images, leaving, registry, .. } = desired;
    api.definition = Some(plan::definition(cluster, images, leaving, registry));
    api
}

fn node(spec: &MachineSpec) -> NodeFacts {
    let name = node_name(spec);
    let kubernetes = ["kubernetes.io/arch", "kubernetes.io/os", "beta.kubernetes.io/arch"];
    let mut labels: BTreeMap<String, String> =
        kubernetes.into_iter().map(|key| (key.to_owned(), "linux".to_owned())).collect();
    labels.insert("kubernetes.io/hostname".to_owned(), name.clone());
    labels.extend(spec.node.labels.clone());
    let mut facts = NodeFacts {
        name,
        machine_id: machine_id(spec),
        ready: true,
        version: "v1.36.3".to_owned(),
        addresses: vec![spec.address],
        control_plane: spec.role == Role::ControlPlane,
        labels,
        ..NodeFacts::default()
    };
    facts.ours.labels = spec.node.labels.keys().cloned().collect();
    facts
}

/// Puts together what was seen of machines that all answer.
pub(crate) fn observed(
    machines: impl Iterator<Item = Result<(sealift::model::MachineName, MachineFacts)>>,
    api: Option<ApiFacts>,
) -> Result<Observed> {
    let seen = machines.map(|machine| machine.map(|(name, facts)| (name, Seen::Known(Box::new(facts)))));
    Ok(Observed {
        machines: seen.collect::<Result<_>>()?,
        api: api.map(Seen::Known),
        kubeconfig: Kubeconfig::Unseen,
    })
}

fn machine_id(spec: &MachineSpec) -> String {
    Digest::of(&spec.name.0).short().repeat(2)
}

fn node_name(spec: &MachineSpec) -> String {
    format!("node-{}", spec.name.0.replace('.', "-"))
}
