//! A machine that is still to be made, as it is taken to be then.

use std::collections::BTreeMap;

use crate::model::{Arch, ControlGroups, Holdings, MachineFacts, Room};

/// Returns what a machine will show that nobody has used yet. It decides what is planned for one, and nothing else: before
/// anything is done there, the machine itself is looked at.
pub fn foreseen(hostname: &str, arch: Arch) -> MachineFacts {
    MachineFacts {
        hostname: hostname.to_owned(),
        machine_id: format!("of {hostname}, which is still to be made"),
        product_uuid: None,
        arch,
        kernel: String::new(),
        system: String::new(),
        control_groups: ControlGroups::V2,
        container: true,
        systemd: true,
        missing_features: vec![],
        may_lower_oom_score: false,
        may_set_conntrack: false,
        has_local_time: true,
        processors: 0,
        memory: 0,
        swap: 0,
        room: Room { bytes: 0, inodes: None },
        fsync_milliseconds: None,
        clock: 0,
        interfaces: vec![],
        nameservers: vec![],
        taken_ports: BTreeMap::new(),
        foreign_runtimes: vec![],
        kubernetes_traces: vec![],
        authority: None,
        marker: None,
        holdings: Holdings::default(),
        units: BTreeMap::new(),
        joined: false,
        node_addresses: vec![],
        cri_answers: false,
        api_ready: false,
        certificates: vec![],
    }
}
