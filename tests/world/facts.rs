//! What machines and their API show of themselves.

use std::collections::{BTreeMap, BTreeSet};

use sealift::error::{Problem, Result};
use sealift::model::{
    ApiFacts, Arch, ControlGroups, EtcdMember, Holdings, Interface, MachineFacts, MachineName, Receipt, Room,
    UnitState,
};

use sealift::steps::State as KeptState;

use super::cluster::Cluster;
use super::state::State;

/// Units that are looked at.
const UNITS: [&str; 4] =
    ["containerd.service", "kubelet.service", "registry.service", "sealift-care.service"];

impl State {
    pub fn facts(&self, name: &MachineName) -> MachineFacts {
        let machine = &self.machines[name];
        let (disk, own) = (&machine.disk, &machine.disk.kubernetes);
        let traces = if disk.marker.is_none() && own.was_begun() {
            vec!["/etc/kubernetes".to_owned()]
        } else {
            vec![]
        };
        let unit = |unit: &str| {
            let enabled = disk.enabled.contains(unit);
            let active = if machine.runs(unit) { "active" } else { "inactive" };
            (enabled || machine.runs(unit))
                .then(|| (unit.to_owned(), UnitState { active: active.to_owned(), enabled }))
        };
        let under_way = machine.memory.works.iter().find(|(_, work)| work.is_under_way());
        MachineFacts {
            hostname: machine.hostname(),
            machine_id: machine.machine_id.clone(),
            product_uuid: None,
            arch: Arch::THIS,
            kernel: "6.12.0".to_owned(),
            system: "a scripted machine".to_owned(),
            control_groups: ControlGroups::V2,
            container: false,
            systemd: true,
            missing_features: vec![],
            may_lower_oom_score: true,
            may_set_conntrack: true,
            has_local_time: true,
            processors: 4,
            memory: 8_000_000_000,
            swap: 0,
            room: Room { bytes: machine.room(), inodes: None },
            fsync_milliseconds: Some(1),
            clock: jiff::Timestamp::now().as_millisecond(),
            interfaces: vec![Interface {
                name: "eth0".to_owned(),
                mtu: 1500,
                addresses: vec![ipnet::IpNet::new_assert(machine.address, 24)],
            }],
            nameservers: vec![[10, 0, 0, 254].into()],
            taken_ports: BTreeMap::new(),
            foreign_runtimes: if disk.marker.is_none() && disk.runtime {
                vec!["containerd".to_owned()]
            } else {
                vec![]
            },
            kubernetes_traces: traces,
            authority: own.authority.clone(),
            marker: disk.marker.clone(),
            holdings: Holdings {
                layers: disk.layers.clone(),
                receipts: disk
                    .receipts
                    .iter()
                    .map(|(name, digest)| (name.clone(), Receipt::of(digest.clone())))
                    .collect(),
                under_way: under_way.map(|(name, work)| format!("`{name}` of run {}", work.run)),
                put_aside: disk.put_aside.keys().copied().collect(),
            },
            units: UNITS.into_iter().filter_map(unit).collect(),
            node_addresses: vec![],
            joined: own.kubelet,
            cri_answers: disk.runtime && machine.runs("containerd.service"),
            api_ready: self.api_is_ready(name),
            certificates: vec![],
        }
    }

    pub fn api_facts(&mut self, name: &MachineName) -> Result<ApiFacts, Problem> {
        self.register_kubelets();
        self.api(name)?;
        let authority = self.machines[name].disk.kubernetes.authority.clone();
        let cluster = &self.clusters[&authority.expect("its API answers")];
        let member = |member: &super::cluster::Member| EtcdMember {
            id: member.id,
            name: self.machines[&member.machine].hostname(),
            peer_urls: vec![format!("https://{}:2380", member.address)],
            learner: member.learner,
            healthy: Cluster::is_healthy(member, &self.machines),
        };
        Ok(ApiFacts {
            nodes: cluster.nodes(&self.machines),
            waiting_pods: vec![],
            etcd: cluster.members.iter().map(member).collect(),
            version: "v1.36.3".to_owned(),
            applications: cluster.applications.clone(),
            holder: None,
            definition: cluster.state.as_deref().map(|text| KeptState::from_json(text).unwrap().definition()),
            open_to_joins: cluster.tokens > 0,
            configured: cluster.configured.clone(),
            lacks_proxy: false,
        })
    }

    /// Returns what of these machines' Nodes is not Ready, as the API on `name` says.
    pub fn not_ready(&mut self, name: &MachineName, machine_ids: &[String]) -> Result<Vec<String>> {
        let nodes = self.api_facts(name)?.nodes;
        let ready: BTreeSet<String> =
            nodes.into_iter().filter(|node| node.ready).map(|node| node.machine_id).collect();
        Ok(machine_ids.iter().filter(|id| !ready.contains(*id)).cloned().collect())
    }
}
