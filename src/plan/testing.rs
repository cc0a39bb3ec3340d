//! Clusters for the tests: small, whole, and easy to change in one place.

use std::collections::BTreeMap;

use super::desired::{Desired, Origin, RegistryAccess};
use super::foreseen::foreseen;
use super::receipts;
use crate::model::*;

/// Returns an image with one layer of files and, for a rootfs, one of registry content.
pub(super) fn image(name: &str, kind: ImageKind) -> ImageContract {
    let layer = |what: &str, content| LayerInfo {
        digest: Digest::of(format!("{name} {what} packed")),
        diff_id: Digest::of(format!("{name} {what}")),
        size: 100,
        unpacked_size: 1000,
        files: 10,
        compression: Compression::Zstd,
        content,
    };
    ImageContract {
        name: name.to_owned(),
        manifest: Digest::of(name),
        arch: crate::model::Arch::Amd64,
        kind,
        version: (kind == ImageKind::Rootfs).then(|| "v1.36.3".parse().unwrap()),
        environment: Environment::from([("registryDomain".to_owned(), "sealos.hub".to_owned())]),
        scripts: Scripts {
            init: "init.sh".to_owned(),
            clean: "clean.sh".to_owned(),
            check: "check.sh".to_owned(),
            init_registry: "init-registry.sh".to_owned(),
            clean_registry: "clean-registry.sh".to_owned(),
            init_cri: None,
            clean_cri: None,
        },
        vip: None,
        commands: match kind {
            ImageKind::Application => vec![format!("kubectl apply -f {name}")],
            ImageKind::Rootfs | ImageKind::Patch => vec![],
        },
        scripts_are_named: true,
        entrypoint_commands: 0,
        bundle: Bundle::default(),
        pod_networks: vec![],
        layers: vec![layer("files", LayerContent::Files), layer("images", LayerContent::Registry)],
        kubeadm: None,
        configs: vec![],
    }
}

/// Returns a desired cluster of so many machines: 10.0.0.1... and 10.0.0.101...
pub(super) fn desired(control_planes: u8, workers: u8) -> Desired {
    let machine = |last: u8, role| {
        let ssh = SshAddress { host: format!("10.0.0.{last}"), port: None };
        MachineSpec::new(ssh, std::net::IpAddr::from([10, 0, 0, last]), role)
    };
    let images = vec![image("kubernetes", ImageKind::Rootfs), image("flannel", ImageKind::Application)];
    Desired {
        cluster: Cluster {
            name: "prod".to_owned(),
            images: images.iter().map(|image| image.name.clone()).collect(),
            machines: (1..=control_planes)
                .map(|n| machine(n, Role::ControlPlane))
                .chain((101..101 + workers).map(|n| machine(n, Role::Worker)))
                .collect(),
            environment: Environment::new(),
            command: None,
            arguments: Environment::new(),
            wishes: BTreeMap::new(),
            hooks: vec![],
            network: Network {
                pods: "100.64.0.0/10".parse().unwrap(),
                services: "10.96.0.0/22".parse().unwrap(),
                vip: "10.103.97.2".parse().unwrap(),
                dns_domain: "cluster.local".to_owned(),
            },
            interface: None,
            host_aliases: vec![],
            certificate_names: vec![],
            registry: crate::model::ClusterRegistry::default(),
            documents: vec![],
            configs: vec![],
        },
        images,
        registry: RegistryAccess {
            username: "sealift".to_owned(),
            password: "secret".to_owned(),
            authority: "ca".to_owned(),
            authority_key: "key".to_owned(),
            former: None,
        },
        launch: "launch-1".to_owned(),
        leaving: vec![],
        parting: vec![],
        hook_places: [].into(),
        origin: Origin::Given,
        kubeadm_file: None,
        former: None,
    }
}

/// Returns a machine as it comes out of an installer, fit for anything.
pub(super) fn fresh(spec: &MachineSpec) -> MachineFacts {
    let name = spec.name.0.replace('.', "-");
    MachineFacts {
        hostname: format!("node-{name}"),
        machine_id: format!("id-{name}"),
        kernel: "6.1.0".to_owned(),
        system: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        container: false,
        may_lower_oom_score: true,
        may_set_conntrack: true,
        processors: 4,
        memory: 8 << 30,
        room: Room { bytes: 100 << 30, inodes: Some(10_000_000) },
        fsync_milliseconds: Some(2),
        interfaces: vec![Interface {
            name: "eth0".to_owned(),
            mtu: 1500,
            addresses: vec![ipnet::IpNet::new(spec.address, 24).unwrap()],
        }],
        nameservers: vec!["10.0.0.253".parse().unwrap()],
        ..foreseen(&name, Arch::Amd64)
    }
}

/// Returns a machine that has all a cluster gives it.
pub(super) fn member(desired: &Desired, spec: &MachineSpec) -> MachineFacts {
    let mut facts = ready_to_join(desired, spec);
    facts.joined = true;
    facts.api_ready = spec.role == Role::ControlPlane;
    facts.authority = Some(Digest::of("ca"));
    if let Some(marker) = &mut facts.marker {
        marker.authority = Some(Digest::of("ca"));
    }
    facts
}

/// Returns a machine that only has to join.
pub(super) fn ready_to_join(desired: &Desired, spec: &MachineSpec) -> MachineFacts {
    let mut facts = fresh(spec);
    facts.marker = Some(marker(&desired.cluster.name, spec));
    facts.cri_answers = true;
    facts.holdings.layers =
        desired.images.iter().flat_map(|image| &image.layers).map(|l| l.diff_id.clone()).collect();
    for (name, digest) in [
        ("lay-out", receipts::lay_out(desired, spec, &facts)),
        ("registry", receipts::registry(desired, spec, &facts)),
        ("endpoints", receipts::connected(desired, spec)),
        ("prepare", receipts::prepared(desired, spec, &facts)),
    ] {
        facts.holdings.receipts.insert(name.to_owned(), Receipt::of(digest));
    }
    for unit in ["registry.service", "sealift-care.service", "containerd.service", "kubelet.service"] {
        let state = UnitState { active: "active".to_owned(), enabled: true };
        facts.units.insert(unit.to_owned(), state);
    }
    facts
}

/// Returns the marker of a machine of this cluster.
pub(super) fn marker(cluster: &str, spec: &MachineSpec) -> Marker {
    let name = spec.name.0.replace('.', "-");
    Marker {
        cluster: cluster.to_owned(),
        launch: "launch-1".to_owned(),
        authority: None,
        machine_id: format!("id-{name}"),
        node_name: format!("node-{name}"),
        role: spec.role,
        intent: Intent::Member,
        entrance: None,
        name: spec.name.clone(),
        epoch: 0,
        before: Baseline::default(),
    }
}

/// Gathers what each machine shows, also those that leave; the API shows those that are members.
pub(super) fn observed(desired: &Desired, look: impl Fn(&MachineSpec) -> MachineFacts) -> Observed {
    let specs: Vec<&MachineSpec> = desired.cluster.machines.iter().chain(&desired.leaving).collect();
    let machines: BTreeMap<MachineName, Seen<Box<MachineFacts>>> =
        specs.iter().map(|spec| (spec.name.clone(), Seen::Known(Box::new(look(spec))))).collect();
    let joined = |spec: &&&MachineSpec| {
        machines.get(&spec.name).and_then(Seen::known).is_some_and(|facts| facts.joined)
    };
    let node = |spec: &&MachineSpec| NodeFacts {
        name: format!("node-{}", spec.name.0.replace('.', "-")),
        machine_id: format!("id-{}", spec.name.0.replace('.', "-")),
        ready: true,
        version: "v1.36.3".to_owned(),
        addresses: vec![spec.address],
        control_plane: spec.role == Role::ControlPlane,
        ..NodeFacts::default()
    };
    let nodes: Vec<NodeFacts> = specs.iter().filter(joined).map(node).collect();
    let control_planes = specs.iter().filter(joined).filter(|spec| spec.role == Role::ControlPlane);
    let etcd = control_planes.map(|spec| etcd_member(spec)).collect();
    let applications = desired
        .applications()
        .map(|image| (image.name.clone(), Launched::of(receipts::launched(desired, image))))
        .collect();
    let definition =
        receipts::definition(&desired.cluster, &desired.images, &desired.leaving, &desired.registry);
    let api = nodes.iter().any(|node| node.control_plane).then(|| {
        Seen::Known(ApiFacts {
            nodes: nodes.clone(),
            etcd,
            applications,
            definition: Some(definition),
            ..ApiFacts::default()
        })
    });
    Observed { machines, api, kubeconfig: Kubeconfig::Unseen }
}

/// Returns the etcd member of a control plane.
pub(super) fn etcd_member(spec: &MachineSpec) -> EtcdMember {
    let std::net::IpAddr::V4(address) = spec.address else { panic!("test machines have IPv4 addresses") };
    EtcdMember {
        id: u64::from(address.to_bits()),
        name: format!("node-{}", spec.name.0.replace('.', "-")),
        peer_urls: vec![format!("https://{}:2380", spec.address)],
        learner: false,
        healthy: true,
    }
}

/// Takes machines out of the definition: they leave.
pub(super) fn without(desired: &Desired, names: &[&str]) -> Desired {
    let mut after = desired.clone();
    let (leaving, staying) =
        after.cluster.machines.into_iter().partition(|machine| names.contains(&machine.name.0.as_str()));
    after.cluster.machines = staying;
    after.leaving.extend::<Vec<MachineSpec>>(leaving);
    after
}
