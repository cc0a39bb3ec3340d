//! An image laid out as labring's are, run as it is: its scripts, its shim, its fixed passwords; what containers need
//! beyond it is said in the Clusterfile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use libtest_mimic::Trial;
use regex::RegexSet;
use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::kubernetes::{await_ready, kubectl};
use crate::machines::{FLANNEL, Machine, Machines, told};
use crate::operator::{Ended, Operator};
use crate::snapshot::Snapshot;
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};
use crate::watch::Watch;

const NAME: &str = "labring";

/// The image, as images/build.sh calls it.
pub(crate) const LAYOUT: &str = "labring-layout:v1.36.3";

/// What machines that are containers need beyond it, laid over it.
const IN_CONTAINERS: &str = "labring-layout-in-containers:v1";

/// With which the machines' root logs in.
const PASSWORD: &str = "Machines7and3Anchors";

/// What the image's own scripts leave on a machine, whoever runs them.
const LEFT_BY_IMAGE: [(&str, &str); 4] = [
    (r"file /usr/bin/lsof", "check.sh copies it there and no script takes it away"),
    (
        r"file /etc/(sysctl\.conf|security/limits\.conf)",
        "clean-kube.sh edits them, which makes other files of them",
    ),
    (r"file /etc/ld\.so\.cache", "clean-containerd.sh has it made anew"),
    (r"kernel setting net\..*", "init-kube.sh sets them and clean-kube.sh takes only their lines away"),
];

const STAGES: [Stage<Labring>; 7] = [
    ("machines_open_to_a_password", ToAllAfter, Labring::begin_by_password),
    ("an_unmodified_image_makes_a_cluster", ToAllAfter, Labring::launch),
    ("a_second_apply_does_nothing", ToNobody, Labring::apply_again),
    ("its_shim_is_looked_after", ToNobody, Labring::stop_shim),
    ("a_worker_joins", ToAllAfter, Labring::add_worker),
    ("no_password_is_anywhere", ToNobody, Labring::search_passwords),
    ("delete_leaves_what_the_image_leaves", ToNobody, Labring::delete),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell("labring", Labring::begin, &STAGES)
}

struct Labring {
    operator: Operator,
    machines: Machines,
    workers: usize,
    before: BTreeMap<String, Snapshot>,
    printed: Vec<String>,
    command_lines: BTreeSet<String>,
}

impl Labring {
    fn begin() -> Self {
        crate::machines::build_image("labring-layout");
        Self {
            operator: Operator::new(),
            machines: Machines::make("labring", 1, 2),
            workers: 1,
            before: BTreeMap::new(),
            printed: vec![],
            command_lines: BTreeSet::new(),
        }
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn members(&self) -> Vec<Machine<'_>> {
        let workers = (0..self.workers).map(|index| self.machines.worker(index));
        [self.first()].into_iter().chain(workers).collect()
    }

    fn begin_by_password(&mut self) {
        for machine in self.machines.all() {
            machine.sh(&format!("echo root:{PASSWORD} | chpasswd"));
            machine.sh(
                "printf 'PermitRootLogin yes\nPasswordAuthentication yes\n' >/etc/ssh/sshd_config.d/00-password.conf && systemctl reload ssh",
            );
        }
        self.operator.file("password", PASSWORD);
        self.before = self
            .machines
            .all()
            .map(|machine| (machine.hostname().to_owned(), Snapshot::of(machine)))
            .collect();
    }

    fn clusterfile(&self) -> String {
        let group = |role: &str, machines: &[Machine<'_>]| {
            let addresses: Vec<String> = machines.iter().map(|machine| machine.address()).collect();
            json!({"role": role, "addresses": addresses})
        };
        let members = self.members();
        let keys: Vec<&str> = self.machines.all().map(Machine::host_key).collect();
        let password = format!("file:{}", self.operator.person().join("password").display());
        let cluster: Value = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": [LAYOUT, IN_CONTAINERS, FLANNEL],
                "ssh": {"user": "root", "password": password, "hostKeys": keys},
                "hosts": [group("control-plane", &members[..1]), group("worker", &members[1..])],
            },
        });
        format!("{cluster:#}\n")
    }

    fn file(&self) -> String {
        self.operator.file("Clusterfile", &self.clusterfile())
    }

    /// Plans what the Clusterfile asks for, and keeps what is printed.
    fn plan(&mut self) {
        let (_, document) = self.operator.looks(["plan", "-f", &self.file()]);
        self.printed.push(document.to_string());
    }

    /// Applies it, watches the processes meanwhile and keeps what is printed.
    fn apply(&mut self) -> Ended {
        let watch = Watch::begin();
        let ended = self.operator.types(["apply", "-f", &self.file(), "--yes"]);
        self.command_lines.extend(watch.end());
        let ended = ended.well();
        self.printed.push(ended.printed());
        ended
    }

    fn launch(&mut self) {
        self.plan();
        let ended = self.apply();
        assert_eq!(ended.summary()["ending"], "done");
        await_ready(self.first(), &self.members());
        for machine in self.members() {
            // Every image came through the shim, from the cluster's registry.
            let images = machine.sh("crictl images -o json");
            let images: Value = serde_json::from_str(&images).unwrap();
            let names = images["images"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|image| image["repoTags"].as_array().unwrap());
            let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
            assert!(names.iter().all(|name| name.starts_with("sealos.hub:5000/")), "{names:?}");
            assert!(names.contains(&"sealos.hub:5000/pause:3.10.2"), "{names:?}");
            machine.sh(&format!("test -e /var/lib/sealos/data/{NAME}/rootfs/scripts/init.sh"));
            machine.sh("systemctl is-active image-cri-shim containerd kubelet");
        }
        // Its own fixed password opens nothing, and its port of measures is shut.
        let first = self.first();
        let code = "curl -sk -o /dev/null -w '%{http_code}' -u admin:passw0rd http://sealos.hub:5000/v2/";
        assert_eq!(first.sh(code), "401");
        assert!(!first.try_sh("curl -s --max-time 3 http://127.0.0.1:5001/metrics").status.success());
    }

    fn apply_again(&mut self) {
        let before: Vec<Snapshot> =
            self.members().iter().map(|machine| Snapshot::of_files(*machine, &["/etc", "/usr"])).collect();
        assert_eq!(self.apply().summary()["ending"], "nothing-to-do");
        for (machine, before) in self.members().iter().zip(before) {
            let after = Snapshot::of_files(*machine, &["/etc", "/usr"]);
            assert_eq!(after.differences(&before), [""; 0], "{}", machine.hostname());
        }
    }

    /// Its scripts run again then, and what they append is there once.
    fn stop_shim(&mut self) {
        let settings = |life: &Self| life.first().sh("grep -c ' # sealos$' /etc/sysctl.conf");
        let before = settings(self);
        self.first().sh("systemctl stop image-cri-shim");
        let ended = self.apply();
        assert_eq!(ended.summary()["ending"], "done");
        self.first().sh("systemctl is-active image-cri-shim");
        assert_eq!(settings(self), before, "kernel settings are in their file twice");
        await_ready(self.first(), &self.members());
    }

    fn add_worker(&mut self) {
        self.workers = 2;
        assert_eq!(self.apply().summary()["ending"], "done");
        await_ready(self.first(), &self.members());
        let version = "get nodes -o jsonpath={.items[*].status.nodeInfo.kubeletVersion}";
        assert_eq!(kubectl(self.first(), version), ["v1.36.3"; 3].join(" "));
    }

    fn search_passwords(&mut self) {
        let cluster = self.operator.home().join("clusters").join(NAME);
        let state = std::fs::read_to_string(cluster.join("state.json")).unwrap();
        let state: Value = serde_json::from_str(&state).unwrap();
        let registry = state["registry"]["password"].as_str().unwrap().to_owned();
        assert!(registry.len() >= 20);
        self.plan();
        let mut places = vec![
            ("what was printed".to_owned(), self.printed.join("\n")),
            (
                "the command lines of processes".to_owned(),
                self.command_lines.iter().cloned().collect::<Vec<_>>().join("\n"),
            ),
        ];
        for machine in self.members() {
            let logs = "journalctl --no-pager -o cat; find /var/log /run/sealift/work -type f ! -path '*/journal/*' ! -name 'work*.json' -exec cat {} +";
            places.push((format!("the journal and logs of {}", machine.hostname()), machine.sh(logs)));
        }
        for file in WalkDir::new(&cluster) {
            let file = file.unwrap();
            if file.file_type().is_file() {
                let text = std::fs::read(file.path()).unwrap();
                places.push((file.path().display().to_string(), String::from_utf8_lossy(&text).into_owned()));
            }
        }
        // The watch has seen scripts of the image, and the journals hold what they said.
        assert!(places[1].1.contains("bash init-kube.sh"), "no script was seen");
        let is_journal = |place: &str| Path::new(place).extension().is_some_and(|ending| ending == "jsonl");
        assert!(places.iter().any(|(place, _)| is_journal(place)), "there is no journal of a run");
        for (place, text) in &places {
            assert!(!text.contains(PASSWORD), "the password of a machine is in {place}");
            // It is kept there, readable by the operator alone.
            let keeps = Path::new(place).file_name().is_some_and(|name| name == "state.json");
            assert!(keeps || !text.contains(&registry), "the registry's password is in {place}");
        }
    }

    fn delete(&mut self) {
        let ended = self.operator.types(["delete", "-f", &self.file(), "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done");
        let left = LEFT_BY_IMAGE.map(|(name, _)| format!("^[-~+] (?:{name}):"));
        let known = RegexSet::new(left).unwrap();
        let mut found = BTreeMap::new();
        for machine in self.machines.all() {
            let mut differences = Snapshot::of(machine).differences(&self.before[machine.hostname()]);
            differences.retain(|difference| !known.is_match(difference));
            if !differences.is_empty() {
                found.insert(machine.hostname().to_owned(), differences);
            }
        }
        assert!(found.is_empty(), "{}", told(&found));
    }
}
