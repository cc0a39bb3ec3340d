//! One cluster's life on the operator's own machines: launched, used, grown, hurt, changed machine by
//! machine, deleted; each time its Clusterfile is edited and applied.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use libtest_mimic::Trial;
use regex::Regex;
use sealift::engine::{Event, Outcome};
use sealift::error::Class;

use self::declared::Declared;
use crate::client::Writer;
use crate::events::{self, Line, Ran, in_order, step};
use crate::kubernetes::{assert_ready, await_ready, kubectl};
use crate::machines::{FLANNEL, HELLO, KUBERNETES, Machine, Machines, list, until};
use crate::operator::{Ended, Operator};
use crate::snapshot::{Snapshot, assert_same, look_at_all};
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};
use crate::watch::Watch;

mod applications;
mod declared;
mod growing;
mod leaving;
mod reconfiguring;
mod registries;
mod registry;
mod wishes;

const NAME: &str = "life";

const STAGES: [Stage<Life>; 30] = [
    ("machines_are_looked_at_before", ToAllAfter, Life::look_before),
    ("apply_makes_a_cluster", ToAllAfter, Life::launch),
    ("events_come_in_order", ToNobody, Life::check_order),
    ("secrets_stay_secret", ToNobody, Life::search_secrets),
    ("hooks_run_where_they_are_for", ToNobody, Life::find_hooks),
    ("what_documents_say_reaches_the_components", ToNobody, Life::find_wishes_in_components),
    ("an_application_answers_through_its_service", ToNobody, Life::use_application),
    ("a_patch_and_applications_come", ToAllAfter, Life::add_applications),
    ("one_application_changes_alone", ToAllAfter, Life::change_an_application),
    ("a_script_that_lies_is_found_out", ToNobody, Life::find_a_liar_out),
    ("machines_of_others_are_refused", ToAllAfter, Life::refuse),
    ("workers_join", ToAllAfter, Life::add_workers),
    ("control_planes_join", ToAllAfter, Life::add_control_planes),
    ("what_runs_is_configured_anew", ToAllAfter, Life::reconfigure),
    ("a_component_that_does_not_come_up_is_as_it_was", ToAllAfter, Life::reconfigure_wrongly),
    ("an_image_is_pushed_to_all_registries", ToAllAfter, Life::push_an_image),
    ("clients_begin_to_write", ToAllAfter, Life::begin_to_write),
    ("a_second_apply_does_nothing", ToNobody, Life::apply_again),
    ("another_way_in_to_a_machine_is_kept_and_nothing_is_done", ToNobody, Life::log_in_otherwise),
    ("a_registry_may_stop", ToNobody, Life::lose_registry),
    ("a_control_plane_may_fail", ToNobody, Life::lose_control_plane),
    ("it_comes_back", ToAllAfter, Life::regain_control_plane),
    ("nodes_are_changed_in_place", ToNobody, Life::change_nodes),
    ("the_first_control_plane_is_replaced", ToAllAfter, Life::replace_first_control_plane),
    ("credentials_of_the_registries_change", ToAllAfter, Life::change_registry_credentials),
    ("applications_outlive_the_control_plane_they_came_from", ToNobody, Life::take_applications_off),
    ("a_dead_control_plane_is_replaced", ToAllAfter, Life::replace_dead_control_plane),
    ("workers_leave_when_budgets_let_them", ToAllAfter, Life::remove_workers),
    ("every_acknowledged_write_is_there", ToNobody, Life::find_all_writes),
    ("delete_leaves_machines_as_they_were", ToNobody, Life::delete),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell("life", Life::begin, &STAGES)
}

/// Files of a machine that only somebody who changes something writes.
const STILL: [&str; 6] = ["/etc", "/usr", "/opt", "/root", "/home", "/var/lib/sealift"];

struct Life {
    operator: Operator,
    /// Three control planes, one to come in the place of another, and three workers.
    machines: Machines,
    declared: Declared,
    before: BTreeMap<String, Snapshot>,
    launch: Option<Ended>,
    command_lines: Vec<String>,
    writers: Vec<Writer>,
    /// Host names of machines that will never run again.
    lost: Vec<String>,
}

impl Life {
    fn begin() -> Self {
        Self {
            operator: Operator::new(),
            machines: Machines::make("life", 4, 3),
            declared: Declared::small(),
            before: BTreeMap::new(),
            launch: None,
            command_lines: vec![],
            writers: vec![],
            lost: vec![],
        }
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn small(&self) -> [Machine<'_>; 2] {
        [self.first(), self.machines.worker(0)]
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
        let [control_plane, worker] = self.small();
        let small = BTreeMap::from(
            [control_plane, worker]
                .map(|one| (one.hostname().to_owned(), self.before[one.hostname()].clone())),
        );
        assert_same(&small, &look_at_all([control_plane, worker].into_iter()));
    }

    fn launch(&mut self) {
        let watch = Watch::begin();
        let ended = self.apply(&[]);
        self.command_lines = watch.end().into_iter().collect();
        let ended = self.launch.insert(ended);
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

    fn use_application(&mut self) {
        self.operator.types(["run", HELLO, "--name", NAME, "--yes"]).well();
        self.declared.images.push(serde_json::json!(HELLO));
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
        let (strange, theirs, ours) = (self.machines.control_plane(3), self.machines.worker(2), self.first());
        strange.sh(
            "mkdir -p /etc/kubernetes/pki && echo certificate >/etc/kubernetes/pki/ca.crt && echo config >/etc/kubernetes/kubelet.conf",
        );
        theirs.belongs_to("theirs");
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
        strange.sh("rm -r /etc/kubernetes");
        theirs.sh("rm -r /var/lib/sealift");
    }

    fn delete(&mut self) {
        // Somebody else's namespace, made while the cluster was there.
        let worker = self.machines.worker(0);
        worker.sh("ip netns add theirs");
        let ended = self.operator.types(["delete", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done");
        wishes::assert_parted(&ended.lines, self.control_planes().len(), self.members().len());
        assert_eq!(self.operator.clusters(), [""; 0]);
        assert_eq!(worker.sh("ls /run/netns"), "theirs");
        worker.sh("ip netns delete theirs && umount /run/netns && rmdir /run/netns");
        self.before.retain(|machine, _| !self.lost.contains(machine));
        let left = self.machines.all().filter(|machine| self.before.contains_key(machine.hostname()));
        assert_same(&self.before, &look_at_all(left));
    }
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
