//! What is rendered for many versions of Kubernetes, before the kubeadm of each: it takes every file and has nothing to say of it.
//! The programs are compiled by `dev/kubeadm.sh`, from the releases' own Go modules.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealift::kubeadm::{self, ClusterSettings, JoinTicket, NodeSettings, ProxyMode};
use sealift::model::{ComponentDocument, ControlGroups, Network};

/// The releases: each API version of kubeadm's is read by some of them.
const RELEASES: [&str; 7] =
    ["v1.19.16", "v1.21.14", "v1.23.17", "v1.26.13", "v1.28.15", "v1.31.9", "v1.36.3"];

/// Since this minor kubeadm has a command to look at a file; before, it is brought to the same version again.
const VALIDATES_SINCE: u64 = 26;

/// What clusters differ in, beside their documents.
#[derive(Debug, Clone, Copy)]
struct Machines {
    control_groups: ControlGroups,
    containers: bool,
    single: bool,
    registry: &'static str,
}

const MACHINES: [Machines; 3] = [
    Machines { control_groups: ControlGroups::V2, containers: false, single: false, registry: "sealos.hub" },
    Machines { control_groups: ControlGroups::V1, containers: true, single: false, registry: "sealos.hub" },
    Machines { control_groups: ControlGroups::V2, containers: false, single: true, registry: "sea.hub" },
];

/// What operators write, in every form there is; each has its counterpart in all versions.
fn documents() -> Vec<Vec<ComponentDocument>> {
    let text = include_str!("../testdata/kubeadm/documents.yaml");
    let documents = sealift::yaml::documents("documents.yaml", text).unwrap();
    let mut by_case: BTreeMap<u64, Vec<ComponentDocument>> = BTreeMap::new();
    for mut content in documents {
        let fields = content.as_object_mut().unwrap();
        let mut take = |key: &str| fields.shift_remove(key).unwrap();
        let case = take("case").as_u64().unwrap();
        let word = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        let (api_version, kind) = (word(take("apiVersion")), word(take("kind")));
        let places = std::iter::empty().collect();
        by_case.entry(case).or_default().push(ComponentDocument { api_version, kind, content, places });
    }
    std::iter::once(vec![]).chain(by_case.into_values()).collect()
}

/// Renders a file of each kind.
fn files(version: &str, documents: &[ComponentDocument], machines: Machines) -> Vec<(&'static str, String)> {
    let version = version.parse().unwrap();
    let network = Network {
        pods: "100.64.0.0/10".parse().unwrap(),
        services: "10.96.0.0/22".parse().unwrap(),
        vip: "10.103.97.2".parse().unwrap(),
        dns_domain: "cluster.local".to_owned(),
    };
    let settings = ClusterSettings {
        name: "many",
        version: &version,
        network: &network,
        sans: vec!["api.example".to_owned()],
        proxy: ProxyMode::choose(&version, ["6.1.0"]),
        may_set_conntrack: !machines.containers,
        control_groups: machines.control_groups,
        any_control_groups_v1: machines.control_groups == ControlGroups::V1,
        containers: machines.containers,
        has_local_time: true,
        single: machines.single,
        registry: Some(machines.registry),
        image_file: None,
        documents,
    };
    let node = NodeSettings {
        name: "node-1".to_owned(),
        address: "10.0.0.1".parse().unwrap(),
        cri_socket: "/run/containerd/containerd.sock".to_owned(),
        images: kubeadm::ImageSource::Runtime,
    };
    let ticket = |key: Option<&str>| JoinTicket {
        endpoint: "10.103.97.2:6443".parse().unwrap(),
        token: "abcdef.0123456789abcdef".to_owned(),
        authority: format!("sha256:{}", "0".repeat(64)),
        certificate_key: key.map(str::to_owned),
    };
    let join = |key| kubeadm::join(&settings, &node, &ticket(key)).unwrap().text().unwrap();
    vec![
        ("init", kubeadm::init(&settings, &node).unwrap_or_else(|problems| panic!("{version}: {problems}")).text().unwrap()),
        ("join-worker", join(None)),
        ("join-control-plane", join(Some(&"0".repeat(64)))),
    ]
}

/// Has a kubeadm read a file; returns what it says against it.
fn refusal(program: &Path, version: &str, file: &Path) -> Option<String> {
    let minor: u64 = version.split('.').nth(1).unwrap().parse().unwrap();
    let arguments = if minor >= VALIDATES_SINCE { ["config", "validate", "--config"] } else { ["config", "migrate", "--old-config"] };
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complains = ["strict decoding", "unknown field", "WARNING", "deprecated", "unmarshal"];
    let clean = output.status.success() && !complains.iter().any(|word| said.contains(word));
    (!clean).then(|| format!("{}\n{said}", output.status))
}

#[test]
fn every_case_is_rendered_for_every_version() {
    let cases = documents();
    assert!(cases.len() >= 10, "{} cases", cases.len());
    for version in RELEASES {
        for documents in &cases {
            for machines in MACHINES {
                for (name, text) in files(version, documents, machines) {
                    assert!(text.contains("apiVersion: kubeadm.k8s.io/"), "{version} {name}");
                }
            }
        }
    }
}

mod part_kubeadm {
    use super::*;

    #[test]
    #[ignore = "PART=kubeadm"]
    fn real_kubeadms_take_what_is_rendered_for_them() {
        let directory = tempfile::tempdir().unwrap();
        let mut wrong = String::new();
        for (version, program) in programs() {
            let mut read = 0;
            for (case, documents) in documents().iter().enumerate() {
                for (number, machines) in MACHINES.into_iter().enumerate() {
                    for (name, text) in files(&version, documents, machines) {
                        let file = directory.path().join("kubeadm.yaml");
                        fs::write(&file, &text).unwrap();
                        read += 1;
                        if let Some(said) = refusal(&program, &version, &file) {
                            wrong.push_str(&format!("{version} case {case} machines {number} {name}: {said}\n"));
                        }
                    }
                }
            }
            eprintln!("{version}: {read} files read");
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    fn programs() -> Vec<(String, PathBuf)> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/kubeadm.sh");
        let output = Command::new(script).args(RELEASES).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let pair = |line: &str| line.split_once(' ').map(|(version, path)| (version.to_owned(), path.into()));
        lines.lines().filter_map(pair).collect()
    }
}
