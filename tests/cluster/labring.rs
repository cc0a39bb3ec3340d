//! An image laid out as labring's are, run as it is: its scripts, its shim, its fixed password. What machines need beyond it
//! that are containers, Configs in the Clusterfile say.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::kubernetes::{await_ready, kubectl};
use crate::machines::{FLANNEL, Machine, Machines};
use crate::operator::{Ended, Operator};
use crate::secrets::Places;
use crate::snapshot::{Snapshot, assert_same_but_for, look_at_all};
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};
use crate::watch::Watch;

mod explained;

const NAME: &str = "labring";

/// The image, as images/build.sh calls it.
const LAYOUT: &str = "labring-layout:v1.36.3";

/// What machines that are containers need beyond it.
const IN_CONTAINERS: &str = include_str!("labring/containers.yaml");

/// With which root of the control plane logs in, from a file; and a user of the workers, who also gives it to sudo, written out in
/// the Clusterfile.
const FROM_FILE: &str = "Machines7and3Anchors";
const WRITTEN_OUT: &str = "Harbours5and9Lanterns";

/// What the image's own scripts leave on a machine, whoever runs them, and what others do.
pub(crate) const LEFT: [(&str, &str); 8] = [
    (r"file /usr/bin/lsof", "check.sh copies it there and no script takes it away"),
    (r"file /etc/hosts", "init-kube.sh writes localhost into it once more, where there is a tab between"),
    (
        r"file /etc/(sysctl\.conf|security/limits\.conf)",
        "clean-kube.sh edits them, which makes other files of them",
    ),
    (r"file (/etc/ld\.so\.cache|/var/cache/ldconfig.*)", "clean-containerd.sh has it made anew"),
    (r"kernel setting net\..*", "init-kube.sh sets them and clean-kube.sh takes only their lines away"),
    (r"file /usr/lib/modules", "the runtime makes the empty directory, since kube-proxy wants to see it"),
    (
        r"nft ip nat: (chain (INPUT|PREROUTING) \{|type nat hook (input|prerouting) .*)",
        "iptables makes these chains, empty, in a table that was there, and no script takes them away",
    ),
    (r"file /run/sudo/ts.*", "sudo's own, for the user that logs in"),
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

/// Returns the Configs that keep the image's scripts off the host's kernel, which are the same whatever its runtime is.
pub(crate) fn kernel_configs() -> String {
    let wanted = ["name: settings", "name: before-kubelet"];
    let documents =
        IN_CONTAINERS.split("---\n").filter(|document| wanted.iter().any(|name| document.contains(name)));
    documents.collect::<Vec<_>>().join("---\n")
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = story::tell("labring", Labring::begin, &STAGES);
    trials.push(explained::trial());
    trials
}

struct Labring {
    operator: Operator,
    machines: Machines,
    workers: usize,
    before: BTreeMap<String, Snapshot>,
    /// What commands printed, and the arguments of all processes while they ran.
    printed: String,
    command_lines: String,
}

impl Labring {
    fn begin() -> Self {
        crate::machines::build_image("labring-layout");
        Self {
            operator: Operator::new(),
            machines: Machines::make("labring", 1, 2),
            workers: 1,
            before: BTreeMap::new(),
            printed: String::new(),
            command_lines: String::new(),
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
            machine.sh(&format!(
                "echo root:{FROM_FILE} | chpasswd
                 useradd --create-home --shell /bin/bash keeper && echo keeper:{WRITTEN_OUT} | chpasswd
                 printf 'Defaults lecture=never\nkeeper ALL=(ALL) ALL\n' >/etc/sudoers.d/keeper
                 printf 'PermitRootLogin yes\nPasswordAuthentication yes\n' >/etc/ssh/sshd_config.d/00-password.conf
                 systemctl reload ssh"
            ));
        }
        self.operator.file("password", FROM_FILE);
        self.before = look_at_all(self.machines.all());
    }

    fn clusterfile(&self) -> String {
        let addresses = |machines: &[Machine<'_>]| -> Vec<String> {
            machines.iter().map(|machine| machine.address()).collect()
        };
        let members = self.members();
        let keys: Vec<&str> = self.machines.all().map(Machine::host_key).collect();
        let password = format!("file:{}", self.operator.person().join("password").display());
        let cluster: Value = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": [LAYOUT, FLANNEL],
                "ssh": {"user": "root", "password": password, "hostKeys": keys},
                "hosts": [
                    {"role": "control-plane", "addresses": addresses(&members[..1])},
                    {
                        "role": "worker", "addresses": addresses(&members[1..]),
                        "ssh": {"user": "keeper", "password": WRITTEN_OUT},
                    },
                ],
                // It is told what it must not tell.
                "hooks": [{
                    "name": "talker", "phase": "after-join", "command": "echo it is \"$registryPassword\"",
                }],
            },
        });
        format!("{cluster:#}\n---\n{IN_CONTAINERS}")
    }

    fn file(&self) -> String {
        self.operator.file("Clusterfile", &self.clusterfile())
    }

    /// Shows what the Clusterfile asks for, in both forms, and saves it.
    fn plan(&mut self) {
        let file = self.file();
        let (code, plan) = self.operator.looks(["plan", "-f", &file]);
        assert_eq!(code, Some(0), "{plan:#}");
        self.printed += &plan.to_string();
        let saved = self.operator.person().join("plan.json").display().to_string();
        self.printed += &self.operator.reads(["plan", "-f", &file, "--out", &saved]).concat();
        self.printed += &std::fs::read_to_string(saved).unwrap();
    }

    /// Types a command that changes something, and watches all processes meanwhile.
    fn types(&mut self, words: &[&str]) -> Ended {
        let watch = Watch::begin();
        let ended = self.operator.types(words);
        self.command_lines.extend(watch.end().into_iter().map(|line| line + "\n"));
        self.printed += &ended.printed();
        ended.well()
    }

    fn apply(&mut self) -> Ended {
        let file = self.file();
        self.types(&["apply", "-f", &file, "--yes"])
    }

    fn launch(&mut self) {
        self.plan();
        let ended = self.apply();
        assert_eq!(ended.summary()["ending"], "done");
        await_ready(self.first(), &self.members());
        for machine in self.members() {
            // Every image came through the shim, from the cluster's registry.
            let images: Value = serde_json::from_str(&machine.sh("crictl images -o json")).unwrap();
            let images = images["images"].as_array().unwrap().iter();
            let names = images.flat_map(|image| image["repoTags"].as_array().unwrap());
            let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
            assert!(names.iter().all(|name| name.starts_with("sealos.hub:5000/")), "{names:?}");
            assert!(names.contains(&"sealos.hub:5000/pause:3.10.2"), "{names:?}");
            machine.sh(&format!("test -e /var/lib/sealos/data/{NAME}/rootfs/scripts/init.sh"));
            machine.sh("systemctl is-active image-cri-shim containerd kubelet");
            assert_configured(machine);
        }
        // Its own fixed password opens nothing, and its port of measures is shut.
        let first = self.first();
        let code = "curl -sk -o /dev/null -w '%{http_code}' -u admin:passw0rd http://sealos.hub:5000/v2/";
        assert_eq!(first.sh(code), "401");
        assert!(!first.try_sh("curl -s --max-time 3 http://127.0.0.1:5001/metrics").status.success());
    }

    fn apply_again(&mut self) {
        let still = |life: &Self| -> Vec<Snapshot> {
            life.members().iter().map(|machine| Snapshot::of_files(*machine, &["/etc", "/usr"])).collect()
        };
        let before = still(self);
        assert_eq!(self.apply().summary()["ending"], "nothing-to-do");
        for (after, before) in still(self).iter().zip(&before) {
            assert_eq!(after.differences(before), [""; 0]);
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
        self.plan();
        let mut places = self.told_and_logged();
        places.add_home(&self.operator);
        places.add_objects(self.first());
        // It was looked where there is something: at scripts while they ran, and at what the talker said.
        assert!(places.text("command lines").contains("bash init-kube.sh"), "no script was seen");
        assert!(places.text("printed").contains("it is ***"), "{}", places.text("printed"));
        assert!(places.text(&format!("logs of {}", self.first().hostname())).contains("it is ***"));
        for password in [FROM_FILE, WRITTEN_OUT] {
            assert_eq!(places.holding(password), [""; 0], "a machine's password");
        }
        // It is kept where docs/security.md says it is.
        let kept = ["Secret/kube-system/sealift-state", &format!("clusters/{NAME}/state.json")];
        assert_eq!(places.holding(&self.registry_password()), kept, "the registry's password");
    }

    /// What was printed, what was among processes' arguments, and what machines log.
    fn told_and_logged(&self) -> Places {
        let mut places = Places::default();
        places.add("printed", &self.printed);
        places.add("command lines", &self.command_lines);
        for machine in self.members() {
            places.add_machine(machine);
        }
        places
    }

    fn registry_password(&self) -> String {
        let state = self.operator.home().join("clusters").join(NAME).join("state.json");
        let state: Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
        let password = state["registry"]["password"].as_str().unwrap().to_owned();
        assert!(password.len() >= 20);
        password
    }

    fn delete(&mut self) {
        let (file, registry) = (self.file(), self.registry_password());
        let ended = self.types(&["delete", "-f", &file, "--yes"]);
        assert_eq!(ended.summary()["ending"], "done");
        let places = self.told_and_logged();
        for password in [FROM_FILE, WRITTEN_OUT, &registry] {
            assert_eq!(places.holding(password), [""; 0]);
        }
        for machine in self.members() {
            let hosts = machine.sh("cat /etc/hosts");
            assert!(!hosts.contains("sealos.hub") && !hosts.contains("apiserver.cluster.local"), "{hosts}");
        }
        assert_same_but_for(&LEFT, &self.before, &look_at_all(self.machines.all()));
    }
}

/// Fails unless the Configs came to where the image's scripts put its files, and what runs goes by them.
#[track_caller]
fn assert_configured(machine: Machine<'_>) {
    let runtime = machine.sh("cat /etc/containerd/config.toml");
    for line in ["SystemdCgroup = false", "restrict_oom_score_adj = true", "max_concurrent_downloads = 20"] {
        assert!(runtime.contains(line), "{}: no `{line}` in {runtime}", machine.hostname());
    }
    let priority = machine.sh("systemctl show containerd --property OOMScoreAdjust --value");
    assert_eq!(priority, "0", "{}", machine.hostname());
    let settings = machine.sh("cat /etc/sysctl.conf");
    assert!(settings.contains("net.ipv4.vs.conntrack=1 # sealos"), "{settings}");
    assert!(!settings.contains("vm.max_map_count"), "{settings}");
    assert!(!machine.sh("cat /usr/bin/kubelet-pre-start.sh").contains("swapoff"));
}
