//! Launches that are stopped in other ways than by SIGKILL: Ctrl-C, power, a full disk, connections.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use sealift::engine::{Event, StepNumber};
use serde_json::{Value, json};

use crate::events::Line;
use crate::kubernetes::{assert_ready, await_ready, kubectl};
use crate::machines::{FLANNEL, KUBERNETES, Machine, Machines, until};
use crate::operator::{Blow, Operator};
use crate::story::Matters::ToAllAfter;
use crate::story::{self, Stage};

const INIT: &str = "make the first control plane";
const JOIN: &str = "join as worker";
const CLEAN: &str = "clean the machine";
const PUT_BACK: &str = "put back what ran before a change was cut off";

/// Where machines keep layers.
const LAYERS: &str = "/var/lib/sealift/layers";

/// Work that began is well under way after this; an init takes four times as long and more.
const WELL_INTO_IT: Duration = Duration::from_secs(2);

/// Each stage is the next try at the same launch.
const STAGES: [Stage<Launch>; 7] = [
    ("interrupted_while_the_first_control_plane_is_made", ToAllAfter, Launch::interrupt_in_init),
    ("the_first_control_plane_restarts_while_it_is_made", ToAllAfter, Launch::restart_in_init),
    ("a_workers_disk_is_full", ToAllAfter, Launch::fill_worker),
    ("a_worker_loses_power_while_it_joins", ToAllAfter, Launch::lose_worker_in_join),
    ("the_same_command_ends_well_with_power", ToAllAfter, Launch::end_well_with_power),
    (
        "the_only_api_server_loses_power_while_it_is_made_anew",
        ToAllAfter,
        Launch::lose_power_while_it_is_configured,
    ),
    ("connections_are_cut_while_machines_are_cleaned", ToAllAfter, Launch::cut_off_in_clean),
];

pub(super) fn trials() -> Vec<Trial> {
    story::tell("cut_off", Launch::begin, &STAGES)
}

/// One command, typed until it succeeds.
struct Launch {
    operator: Operator,
    machines: Machines,
}

impl Launch {
    fn begin() -> Self {
        Self { operator: Operator::new(), machines: Machines::make("halted", 1, 1) }
    }

    fn both(&self) -> Vec<Machine<'_>> {
        self.machines.all().collect()
    }

    fn command(&self) -> Vec<String> {
        let (master, node) = (self.machines.control_plane(0).address(), self.machines.worker(0).address());
        let words =
            ["run", KUBERNETES, FLANNEL, "--name", "again", "--yes", "--masters", &master, "--nodes", &node];
        words.into_iter().map(str::to_owned).chain(self.machines.login()).collect()
    }

    fn delete(&self) -> Vec<String> {
        let words = ["delete", "--name", "again", "--yes"].map(str::to_owned);
        words.into_iter().chain(self.machines.login()).collect()
    }

    fn end_deleted(&mut self) {
        self.operator.types(self.delete()).well();
        assert!(self.operator.clusters().is_empty(), "{:?}", self.operator.clusters());
        for machine in self.both() {
            machine.sh("! ls -d /var/lib/sealift /etc/kubernetes /var/lib/kubelet/pods /var/lib/etcd/member");
        }
    }

    /// An init that was interrupted goes on on its machine. Where it has come to its end meanwhile, another one is begun.
    fn restart_in_init(&mut self) {
        if !self.loses_power_in_init() {
            self.end_deleted();
            assert!(self.loses_power_in_init(), "it never came so far");
        }
        self.machines.control_plane(0).start();
    }

    /// The API answers already, and what kubeadm does after that has only begun. Tells whether there was such a moment.
    fn loses_power_in_init(&self) -> bool {
        let first = self.machines.control_plane(0);
        let mut has_power = true;
        let ended = self.operator.types_until(self.command(), |line| {
            if has_power && line.value.to_string().contains("[mark-control-plane]") {
                first.kill();
                has_power = false;
            }
            None
        });
        assert_eq!(ended.status.success(), has_power, "{}", ended.told());
        !has_power
    }

    /// The file system that layers go to is smaller than they are: the rest of the cluster comes up.
    fn fill_worker(&mut self) {
        let worker = self.machines.worker(0);
        worker.sh(&format!("mkdir -p {LAYERS} && mount -t tmpfs -o size=8m tmpfs {LAYERS}"));
        let ended = self.operator.types(self.command());
        assert_eq!(ended.code(), Some(8), "{}", ended.told());
        let set_aside = ended.summary()["set_aside"].as_array().unwrap();
        let told = set_aside.iter().any(|problem| problem["machine"] == worker.address().as_str());
        assert!(told, "{set_aside:#?}");
        worker.sh(&format!("umount {LAYERS}"));
        let first = self.machines.control_plane(0);
        assert_ready(first, &[first]);
        // What comes after the API is there, too.
        kubectl(first, "--namespace kube-system get daemonset/kube-proxy deployment/coredns");
    }

    /// Whether the machine is reached anew or not, the same command ends what was begun.
    fn cut_off_in_clean(&mut self) {
        let mut clean = Within::step(CLEAN, Duration::ZERO);
        let mut is_connected = true;
        let ended = self.operator.types_until(self.delete(), |line| {
            if is_connected && clean.is_reached(line) {
                self.machines.all().for_each(Machine::cut_off);
                is_connected = false;
            }
            None
        });
        assert!(!is_connected, "no machine was cleaned: {}", ended.told());
        if !self.operator.clusters().is_empty() {
            assert!(!ended.status.success(), "{}", ended.told());
            self.end_deleted();
        }
    }

    fn interrupt_in_init(&mut self) {
        let mut init = Within::step(INIT, WELL_INTO_IT);
        let moment = |line: &Line| init.is_reached(line).then_some(Blow::Interrupt);
        let ended = self.operator.types_until(self.command(), moment);
        assert_eq!(ended.code(), Some(130), "{}", ended.told());
        assert!(ended.lines.iter().any(|line| line.value["event"] == "stopping"), "{}", ended.told());
        let summary = ended.summary();
        assert_eq!(summary["ending"], "interrupted");
        let half_done =
            serde_json::json!({"machine": self.machines.control_plane(0).address(), "title": INIT});
        assert!(summary["half_done"].as_array().unwrap().contains(&half_done), "{summary}");
        let again = summary["again"].as_str().unwrap();
        let typed = shell_words::split(again).unwrap();
        assert_eq!(typed[..3], ["sealift", "--output", "json"]);
        assert_eq!(typed[3..], self.command());
    }

    fn lose_worker_in_join(&mut self) {
        let mut join = Within::step(JOIN, Duration::ZERO);
        let mut has_power = true;
        let ended = self.operator.types_until(self.command(), |line| {
            if has_power && join.is_reached(line) {
                self.machines.worker(0).kill();
                has_power = false;
            }
            None
        });
        assert!(!has_power, "the worker never joined: {}", ended.told());
        assert_eq!(ended.code(), Some(8), "{}", ended.told());
        let worker = self.machines.worker(0).address();
        let set_aside = ended.summary()["set_aside"].as_array().unwrap();
        assert!(set_aside.iter().any(|problem| problem["machine"] == worker.as_str()), "{set_aside:#?}");
        assert_ready(self.machines.control_plane(0), &[self.machines.control_plane(0)]);
    }

    fn end_well_with_power(&mut self) {
        self.machines.worker(0).start();
        self.operator.types(self.command()).well();
        assert_ready(self.machines.control_plane(0), &self.both());
        await_ready(self.machines.control_plane(0), &self.both());
    }
}

/// An argument that no API server has.
const UNKNOWN: &str = "no-such-argument";

impl Launch {
    /// What is written when the power goes cannot run, so nothing but what ran before brings the API back.
    fn lose_power_while_it_is_configured(&mut self) {
        let first = self.machines.control_plane(0);
        let mut has_power = true;
        let arguments = json!([{"name": UNKNOWN, "value": "x"}]);
        let ended = self.operator.types_until(self.apply(&arguments), |line| {
            if has_power && line.value.to_string().contains("Creating static Pod manifest for") {
                until("the manifest is written", || is_written(first).then_some(()));
                first.kill();
                has_power = false;
            }
            None
        });
        assert!(!has_power && !ended.status.success(), "{}", ended.told());
        first.start();
        assert!(is_written(first));
        let plan = ["plan".to_owned(), "-f".to_owned(), self.file(&json!([]))];
        let planned = self.operator.asks(plan.into_iter().chain(self.machines.login()));
        let actions: Vec<&Value> =
            planned["steps"].as_array().unwrap().iter().map(|step| &step["action"]).collect();
        assert_eq!(actions, ["put-back"], "{planned:#}");

        let ended = self.operator.types(self.apply(&json!([]))).well();
        let told = ended.printed();
        assert!(told.contains(PUT_BACK) && told.contains("reconfigure its control plane"), "{told}");
        assert!(!is_written(first));
        first.sh("! ls /var/lib/sealift/aside/* 2>/dev/null");
        await_ready(first, &self.both());
        let again = self.operator.types(self.apply(&json!([])));
        assert_eq!(again.summary()["ending"], "nothing-to-do", "{}", again.told());
    }

    /// Returns the command that gives the API server these arguments.
    fn apply(&self, arguments: &Value) -> Vec<String> {
        let words = ["apply".to_owned(), "-f".to_owned(), self.file(arguments), "--yes".to_owned()];
        words.into_iter().chain(self.machines.login()).collect()
    }

    /// Writes the Clusterfile with these arguments of the API server, and returns where.
    fn file(&self, arguments: &Value) -> String {
        let hosts = [("control-plane", self.machines.control_plane(0)), ("worker", self.machines.worker(0))];
        let hosts = hosts.map(|(role, machine)| json!({"role": role, "addresses": [machine.address()]}));
        let documents = [
            json!({
                "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": "again"},
                "spec": {"images": [KUBERNETES, FLANNEL], "hosts": hosts},
            }),
            json!({
                "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration",
                "apiServer": {"extraArgs": arguments},
            }),
        ];
        self.operator.file("Clusterfile", &documents.map(|one| format!("{one:#}\n")).join("---\n"))
    }
}

/// Tells whether the API server's manifest has the argument that it cannot run with.
fn is_written(machine: Machine<'_>) -> bool {
    machine
        .try_sh(&format!("grep -q {UNKNOWN} /etc/kubernetes/manifests/kube-apiserver.yaml"))
        .status
        .success()
}

/// A moment within a step: it has said something, and so much time has passed since it began.
struct Within {
    title: &'static str,
    least: Duration,
    began: Option<(StepNumber, Instant)>,
}

impl Within {
    fn step(title: &'static str, least: Duration) -> Self {
        Self { title, least, began: None }
    }

    fn is_reached(&mut self, line: &Line) -> bool {
        match (&line.event, self.began) {
            (Some(Event::StepStarted { step, title, .. }), _) if title == self.title => {
                self.began = Some((*step, Instant::now()));
                false
            }
            (Some(Event::StepSaid { step, .. }), Some((wanted, began))) => {
                *step == wanted && began.elapsed() >= self.least
            }
            _ => false,
        }
    }
}
