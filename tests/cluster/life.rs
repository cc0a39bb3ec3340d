//! One cluster's life on the operator's own machines: launched, used, grown, hurt, refused elsewhere, deleted.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use libtest_mimic::Trial;
use regex::Regex;
use sealift::engine::{Event, Outcome};
use sealift::error::Class;

use crate::events::{self, Line, Ran, in_order, step};
use crate::kubernetes::{self, answers_at_vip, assert_ready, await_ready, kubectl};
use crate::machines::{FLANNEL, HELLO, KUBERNETES, Machine, Machines, list, told, until};
use crate::operator::{Ended, Operator};
use crate::snapshot::Snapshot;
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};
use crate::watch::Watch;

mod leaving;

const NAME: &str = "life";

const STAGES: [Stage<Life>; 14] = [
    ("machines_are_looked_at_before", ToAllAfter, Life::look_before),
    ("run_makes_a_cluster", ToAllAfter, Life::launch),
    ("events_come_in_order", ToNobody, Life::check_order),
    ("secrets_stay_secret", ToNobody, Life::search_secrets),
    ("a_second_run_does_nothing", ToNobody, Life::launch_again),
    ("an_application_answers_through_its_service", ToNobody, Life::use_application),
    ("machines_of_others_are_refused", ToNobody, Life::refuse),
    ("run_with_more_machines_grows_it", ToAllAfter, Life::grow),
    ("a_control_plane_may_fail", ToNobody, Life::lose_control_plane),
    ("it_comes_back", ToAllAfter, Life::regain_control_plane),
    ("nodes_are_changed_in_place", ToNobody, Life::change_nodes),
    ("a_worker_leaves", ToAllAfter, Life::remove_worker),
    ("the_first_control_plane_leaves", ToAllAfter, Life::remove_first_control_plane),
    ("delete_leaves_machines_as_they_were", ToNobody, Life::delete),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell("life", Life::begin, &STAGES)
}

/// Files of a machine that only somebody who changes something writes.
const STILL: [&str; 6] = ["/etc", "/usr", "/opt", "/root", "/home", "/var/lib/sealift"];

struct Life {
    operator: Operator,
    /// Three control planes and two workers to be, in the end.
    machines: Machines,
    /// Nobody's, until somebody says it is theirs.
    spare: Machines,
    before: BTreeMap<String, Snapshot>,
    launch: Option<Ended>,
    command_lines: Vec<String>,
}

impl Life {
    fn begin() -> Self {
        Self {
            operator: Operator::new(),
            machines: Machines::make("life", 3, 2),
            spare: Machines::make("spare", 1, 1),
            before: BTreeMap::new(),
            launch: None,
            command_lines: vec![],
        }
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn small(&self) -> [Machine<'_>; 2] {
        [self.first(), self.machines.worker(0)]
    }

    fn whole(&self) -> Vec<Machine<'_>> {
        self.machines.all().collect()
    }

    /// The command for so many of its machines.
    fn run(&self, images: &[&str], control_planes: usize, workers: usize) -> Vec<String> {
        let masters = list((0..control_planes).map(|index| self.machines.control_plane(index)));
        let nodes = list((0..workers).map(|index| self.machines.worker(index)));
        let mut words: Vec<String> = [&["run"], images].concat().into_iter().map(str::to_owned).collect();
        words.extend(["--name", NAME, "--yes", "--masters", &masters, "--nodes", &nodes].map(str::to_owned));
        words.extend(self.machines.login());
        words
    }

    fn launched(&self) -> &Ended {
        self.launch.as_ref().unwrap()
    }

    fn look_before(&mut self) {
        self.before = look_at_all(self.machines.all());
        for (machine, snapshot) in &self.before {
            assert!(
                snapshot.len() > 5000 && snapshot.has("file /etc/passwd"),
                "{machine}: {}",
                snapshot.len()
            );
            for kind in [
                "mount /var",
                "interface eth0",
                "unit ssh.service",
                "process systemd",
                "kernel setting net.ipv4.ip_forward",
            ] {
                assert!(snapshot.has(kind), "{machine}: a snapshot without {kind}");
            }
        }
        let again = look_at_all(self.machines.all());
        assert_same(&self.before, &again);
    }

    fn launch(&mut self) {
        let watch = Watch::begin();
        let ended = self.operator.types(self.run(&[KUBERNETES, FLANNEL], 1, 1));
        self.command_lines = watch.end().into_iter().collect();
        let ended = self.launch.insert(ended.well());
        assert_eq!(ended.summary()["ending"], "done");
        assert_ready(self.first(), &self.small());
        let kubeconfig = self.operator.home().join("clusters").join(NAME).join("kubeconfig");
        let mode = std::fs::metadata(&kubeconfig).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", kubeconfig.display());
    }

    fn check_order(&mut self) {
        let lines = &self.launched().lines;
        let steps = events::steps(lines);
        assert!(steps.iter().all(|step| step.outcome == Outcome::Done), "{steps:#?}");
        assert_plan_is_carried_out(lines, &steps);
        let init = step(&steps, "make the first control plane", None);
        for machine in self.small() {
            let address = machine.address();
            let on = |title| step(&steps, title, Some(&address));
            in_order(&[
                on("claim the machine"),
                on("send "),
                on("lay out the image"),
                on("start care"),
                on("install container runtime"),
            ]);
        }
        let (first, worker) = (self.first().address(), self.machines.worker(0).address());
        let registry = step(&steps, "start the registry", Some(&first));
        let installed = step(&steps, "install container runtime", Some(&first));
        in_order(&[registry, installed, init]);
        let join = step(&steps, "join as worker", Some(&worker));
        in_order(&[init, join, step(&steps, "wait until everything is Ready", None)]);
        in_order(&[step(&steps, "install container runtime", Some(&worker)), join]);
    }

    fn search_secrets(&mut self) {
        let state =
            std::fs::read_to_string(self.operator.home().join("clusters").join(NAME).join("state.json"));
        let state: serde_json::Value = serde_json::from_str(&state.unwrap()).unwrap();
        let password = state["registry"]["password"].as_str().unwrap().to_owned();
        let key = state["registry"]["authority_key"].as_str().unwrap().lines().nth(1).unwrap().to_owned();
        assert!(password.len() >= 20 && key.len() >= 20);
        let mut places: Vec<(String, String)> = vec![
            ("the command's output".to_owned(), self.launched().printed()),
            ("the command lines of processes".to_owned(), self.command_lines.join("\n")),
        ];
        for machine in self.small() {
            places.push((
                format!("the journal of {}", machine.hostname()),
                machine.sh("journalctl --no-pager -o cat"),
            ));
        }
        for run in std::fs::read_dir(self.operator.home().join("clusters").join(NAME).join("runs")).unwrap() {
            let path = run.unwrap().path();
            places.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
        // The watch has seen what it should have: work on a machine, and what that work started.
        for program in ["agent work /run/sealift/work/", "kubeadm init", "kubeadm join"] {
            assert!(places[1].1.contains(program), "`{program}` was not seen");
        }
        let token = Regex::new(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b").unwrap();
        for (place, text) in &places {
            assert!(!text.contains(&password), "the registry's password is in {place}");
            assert!(!text.contains(&key), "the registry's authority's key is in {place}");
            assert_eq!(token.find(text).map(|found| found.as_str()), None, "a token is in {place}");
        }
        let tokens = kubectl(
            self.first(),
            "get secrets -n kube-system --field-selector type=bootstrap.kubernetes.io/token -o name",
        );
        assert_eq!(tokens, "", "tokens outlive the joins");
    }

    fn launch_again(&mut self) {
        let still = || self.small().map(|machine| Snapshot::of_files(machine, &STILL));
        let before = still();
        let ended = self.operator.types(self.run(&[KUBERNETES, FLANNEL], 1, 1)).well();
        assert_eq!(ended.summary()["ending"], "nothing-to-do");
        assert!(events::steps(&ended.lines).is_empty());
        for (after, before) in still().iter().zip(&before) {
            assert_eq!(after.differences(before), [""; 0]);
        }
    }

    fn use_application(&mut self) {
        self.operator.types(["run", HELLO, "--name", NAME, "--yes"]).well();
        kubectl(self.first(), "rollout status deployment/hello --timeout 120s");
        let service = kubectl(self.first(), "get service hello -o jsonpath={.spec.clusterIP}");
        for machine in self.small() {
            let others = self.small().map(|other| other.hostname().to_owned());
            let others = others.into_iter().filter(|other| other != machine.hostname());
            for other in others {
                until(&format!("a pod on {other} answers {}", machine.hostname()), || {
                    let answer = machine.try_sh(&format!("curl -s --max-time 3 http://{service}/"));
                    String::from_utf8_lossy(&answer.stdout).contains(&other).then_some(())
                });
            }
        }
    }

    fn refuse(&mut self) {
        self.spare.control_plane(0).sh(
            "mkdir -p /etc/kubernetes/pki && echo certificate >/etc/kubernetes/pki/ca.crt && echo config >/etc/kubernetes/kubelet.conf",
        );
        self.spare.worker(0).belongs_to("theirs");
        let (strange, theirs, ours) = (self.spare.control_plane(0), self.spare.worker(0), self.first());
        let before = look_at_all([strange, theirs].into_iter());
        let still = Snapshot::of_files(ours, &STILL);
        let masters = list([strange, ours]);
        let nodes = theirs.address();
        let mut words = [
            "run",
            KUBERNETES,
            FLANNEL,
            "--name",
            "other",
            "--yes",
            "--masters",
            &masters,
            "--nodes",
            &nodes,
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend(self.machines.login());
        words.extend(self.spare.login());
        let ended = self.operator.types(words);
        assert_eq!(ended.code(), Some(9), "{}", ended.told());
        let problems = ended.problems();
        for (machine, evidence) in [(strange, "/etc/kubernetes"), (theirs, "`theirs`"), (ours, "`life`")] {
            let found = problems.iter().find(|problem| {
                problem.machine.as_deref() == Some(&machine.address())
                    && problem.class == Class::Refused
                    && problem.to_string().contains(evidence)
                    && !problem.remedies.is_empty()
            });
            assert!(
                found.is_some(),
                "{} is not refused because of {evidence}: {problems:#?}",
                machine.address()
            );
        }
        assert_same(&before, &look_at_all([strange, theirs].into_iter()));
        assert_eq!(Snapshot::of_files(ours, &STILL).differences(&still), [""; 0]);
        assert_eq!(self.operator.clusters(), [NAME]);
    }

    fn grow(&mut self) {
        let ended = self.operator.types(self.run(&[], 3, 2)).well();
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let join = |index| {
            let address = self.machines.control_plane(index).address();
            step(&steps, "join as control plane", Some(&address))
        };
        in_order(&[join(1), join(2)]);
        assert_ready(self.first(), &self.whole());
        await_ready(self.first(), &self.whole());
        let members = etcd_members(self.first());
        assert_eq!(members.len(), 3, "{members:#?}");
        assert!(members.iter().all(|member| member["isLearner"].is_null()), "{members:#?}");
        for worker in [0, 1].map(|index| self.machines.worker(index)) {
            let config: serde_json::Value =
                serde_json::from_str(&worker.sh("cat /var/lib/sealift/care/config.json")).unwrap();
            let wanted: Vec<String> = (0..3)
                .map(|index| format!("{}:6443", self.machines.control_plane(index).address()))
                .collect();
            assert_eq!(config["api"]["servers"], serde_json::json!(wanted), "{}", worker.hostname());
        }
    }

    fn lose_control_plane(&mut self) {
        self.first().kill();
        for worker in [0, 1].map(|index| self.machines.worker(index)) {
            until("the API answers at the virtual address", || answers_at_vip(worker).then_some(()));
            // An image that no worker has, from a registry that is not the first control plane's.
            until("an image is pulled through another registry", || {
                worker.try_sh("crictl pull registry.k8s.io/etcd:3.6.8-0").status.success().then_some(())
            });
        }
        until("the others can be asked", || {
            kubernetes::answers(self.machines.control_plane(1)).then_some(())
        });
    }

    fn regain_control_plane(&mut self) {
        self.first().start();
        await_ready(self.first(), &self.whole());
        await_ready(self.machines.control_plane(2), &self.whole());
    }

    fn delete(&mut self) {
        // Somebody else's namespace, made while the cluster was there.
        let worker = self.machines.worker(0);
        worker.sh("ip netns add theirs");
        let ended = self.operator.types(["delete", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done");
        assert_eq!(self.operator.clusters(), [""; 0]);
        assert_eq!(worker.sh("ls /run/netns"), "theirs");
        worker.sh("ip netns delete theirs && umount /run/netns && rmdir /run/netns");
        assert_same(&self.before, &look_at_all(self.machines.all()));
    }
}

/// Asks the etcd of a control plane who belongs to it, through its gateway for JSON.
fn etcd_members(control_plane: Machine<'_>) -> Vec<serde_json::Value> {
    let answer = control_plane.sh(
        "cd /etc/kubernetes/pki/etcd && curl -sS --cacert ca.crt --cert healthcheck-client.crt --key healthcheck-client.key \
         -X POST -d '{}' https://127.0.0.1:2379/v3/cluster/member/list",
    );
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["members"].as_array().cloned().unwrap_or_default()
}

/// Fails unless every step that was told of beforehand came, and no other.
fn assert_plan_is_carried_out(lines: &[Line], steps: &[Ran]) {
    let planned = lines.iter().find_map(|line| match &line.event {
        Some(Event::RunStarted { steps, .. }) => Some(*steps),
        _ => None,
    });
    assert_eq!(planned, Some(steps.len()), "{steps:#?}");
    let ended = lines.iter().filter(|line| matches!(line.event, Some(Event::RunFinished { .. })));
    assert_eq!(ended.count(), 1);
}

/// Looks at machines, two at a time: so many processors there may be.
fn look_at_all<'a>(machines: impl Iterator<Item = Machine<'a>>) -> BTreeMap<String, Snapshot> {
    let machines: Vec<Machine<'a>> = machines.collect();
    let mut seen = BTreeMap::new();
    for pair in machines.chunks(2) {
        std::thread::scope(|scope| {
            let looks: Vec<_> = pair
                .iter()
                .map(|machine| (machine.hostname().to_owned(), scope.spawn(|| Snapshot::of(*machine))))
                .collect();
            seen.extend(looks.into_iter().map(|(name, look)| (name, look.join().unwrap())));
        });
    }
    seen
}

/// Fails unless all machines are as they were before.
#[track_caller]
fn assert_same(before: &BTreeMap<String, Snapshot>, after: &BTreeMap<String, Snapshot>) {
    let differences =
        before.iter().map(|(machine, before)| (machine.clone(), after[machine].differences(before)));
    let differences: BTreeMap<String, Vec<String>> =
        differences.filter(|(_, found)| !found.is_empty()).collect();
    assert!(differences.is_empty(), "{}", told(&differences));
}
