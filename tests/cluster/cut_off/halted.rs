//! Launches that are stopped in other ways than by SIGKILL: Ctrl-C, power, a full disk, connections.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use sealift::engine::{Event, StepNumber};

use crate::events::Line;
use crate::kubernetes::{assert_ready, await_ready, kubectl};
use crate::machines::{FLANNEL, KUBERNETES, Machine, Machines};
use crate::operator::{Blow, Operator};
use crate::story::Matters::ToAllAfter;
use crate::story::{self, Stage};

const INIT: &str = "make the first control plane";
const JOIN: &str = "join as worker";
const CLEAN: &str = "clean the machine";

/// Where machines keep layers.
const LAYERS: &str = "/var/lib/sealift/layers";

/// Work that began is well under way after this; an init takes four times as long and more.
const WELL_INTO_IT: Duration = Duration::from_secs(2);

/// Each stage is the next try at the same launch.
const STAGES: [Stage<Launch>; 6] = [
    ("interrupted_while_the_first_control_plane_is_made", ToAllAfter, Launch::interrupt_in_init),
    ("the_first_control_plane_restarts_while_it_is_made", ToAllAfter, Launch::restart_in_init),
    ("a_workers_disk_is_full", ToAllAfter, Launch::fill_worker),
    ("a_worker_loses_power_while_it_joins", ToAllAfter, Launch::lose_worker_in_join),
    ("the_same_command_ends_well_with_power", ToAllAfter, Launch::end_well_with_power),
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
