//! SIGKILL in each kind of step of a cluster's life, and the same command again: each time it ends as it does undisturbed.
//!
//! A command is typed until it ends by itself. Whenever it comes to a kind of step that it was not killed in yet it is
//! killed: once where the step begins, and once at the first sign of its work.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use libtest_mimic::Trial;
use sealift::engine::{Event, StepNumber};
use serde_json::{Value, json};

use super::shape::{self, Shape};
use crate::events::Line;
use crate::kubernetes::await_ready;
use crate::machines::{FLANNEL, HELLO, KUBERNETES, Machine, Machines, list};
use crate::operator::{Blow, Operator};
use crate::snapshot::{Snapshot, assert_same, look_at_all};
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};

const NAME: &str = "again";

/// An image of this test's own, laid over the rootfs: it has something to say on every machine once that is a member.
const PATCH: &str = "test-patch:v1";
const PATCH_KUBEFILE: &str = "FROM scratch
LABEL sealos.io.type=patch
COPY etc etc
CMD [\"hostname >etc/said-by-patch\"]
";

/// What is done to the cluster, in this order.
const COMMANDS: [Command; 4] = [Command::Run, Command::Apply, Command::ScaleDown, Command::Delete];

const STAGES: [Stage<Life>; 6] = [
    ("a_life_undisturbed", ToAllAfter, Life::live_undisturbed),
    ("run_is_killed_in_each_kind_of_step", ToAllAfter, |life| life.live_through(Command::Run)),
    ("apply_is_killed_in_each_kind_of_step", ToAllAfter, |life| life.live_through(Command::Apply)),
    ("scale_down_is_killed_in_each_kind_of_step", ToAllAfter, |life| life.live_through(Command::ScaleDown)),
    ("delete_is_killed_in_each_kind_of_step", ToAllAfter, |life| life.live_through(Command::Delete)),
    ("no_kind_of_step_was_left_out", ToNobody, Life::count),
];

/// Every kind of step that these commands have. That the operator forgets a cluster is the last of all and takes no
/// time: a kill may come too late for it.
const KINDS: [(Command, &[&str]); 4] = [
    (
        Command::Run,
        &[
            "claim the machine",
            "send layers",
            "lay out the image",
            "start the registry",
            "start care",
            "install container runtime and kubelet",
            "make the first control plane",
            "join as worker",
            "run the image's commands",
            "launch an application",
            "wait until everything is Ready",
            "write the cluster down",
            "fetch the kubeconfig",
        ],
    ),
    (
        Command::Apply,
        &[
            "join as control plane",
            "join as worker",
            "set its labels and taints",
            "set its kubelet's arguments",
            "launch an application",
            "write the cluster down",
        ],
    ),
    (
        Command::ScaleDown,
        &[
            "start care",
            "move its pods elsewhere",
            "take its etcd out of the members",
            "clean the machine",
            "remove its Node",
            "remove data, marker and agent",
            "write the cluster down",
        ],
    ),
    (Command::Delete, &["clean the machine", "remove data, marker and agent"]),
];

pub(super) fn trials() -> Vec<Trial> {
    story::tell("cut_off", Life::begin, &STAGES)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    /// One control plane and one worker.
    Run,
    /// A second of each, an application, and a worker with wishes.
    Apply,
    /// The second ones go again.
    ScaleDown,
    Delete,
}

/// Where in a step it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    AtTheBegin,
    AtWork,
}

/// A command, a kind of its steps, and where in the step.
type Hit = (Command, String, Moment);

/// The same cluster on the same machines, twice.
struct Life {
    operator: Operator,
    machines: Machines,
    before: BTreeMap<String, Snapshot>,
    undisturbed: BTreeMap<Command, Shape>,
    hits: BTreeSet<Hit>,
}

impl Life {
    fn begin() -> Self {
        let machines = Machines::make("killed", 2, 2);
        let before = look_at_all(machines.all());
        let operator = Operator::new();
        build_patch(&operator);
        Self { operator, machines, before, undisturbed: BTreeMap::new(), hits: BTreeSet::new() }
    }

    fn live_undisturbed(&mut self) {
        for command in COMMANDS {
            self.operator.types(self.words(command)).well();
            if let Some(shape) = self.shape_after(command) {
                self.undisturbed.insert(command, shape);
            }
        }
    }

    /// Types a command until it ends by itself, and holds what it has made to what it makes undisturbed.
    fn live_through(&mut self, command: Command) {
        while !self.ends_unless_killed(command) {}
        if let Some(shape) = self.shape_after(command) {
            let again = self.operator.types(self.words(command)).well();
            assert_eq!(again.summary()["ending"], "nothing-to-do", "{}", again.told());
            assert_same(&self.undisturbed[&command], &shape);
        } else {
            assert!(self.operator.clusters().is_empty(), "{:?}", self.operator.clusters());
            assert_same(&self.before, &look_at_all(self.machines.all()));
        }
    }

    /// Types it once, with a kill at the first moment that has had none; tells whether it ended well by itself.
    fn ends_unless_killed(&mut self, command: Command) -> bool {
        let mut hunt = Hunt { command, hits: &self.hits, under_way: BTreeMap::new(), hit: None };
        let ended =
            self.operator.types_until(self.words(command), |line| hunt.strikes(line).then_some(Blow::Kill));
        match hunt.hit {
            Some(hit) if ended.code().is_none() => {
                ended.killed();
                self.hits.insert(hit);
                false
            }
            // Forgotten already when the kill came: there is no such cluster any more.
            _ if command == Command::Delete && self.operator.clusters().is_empty() => true,
            _ => {
                ended.well();
                true
            }
        }
    }

    fn shape_after(&self, command: Command) -> Option<Shape> {
        let members = self.members_after(command);
        let first = members.first().copied()?;
        await_ready(first, &members);
        Some(shape::look(&self.operator, NAME, first, &members))
    }

    /// The machines of the cluster, a control plane first.
    fn members_after(&self, command: Command) -> Vec<Machine<'_>> {
        match command {
            Command::Run | Command::ScaleDown => {
                vec![self.machines.control_plane(0), self.machines.worker(0)]
            }
            Command::Apply => self.machines.all().collect(),
            Command::Delete => vec![],
        }
    }

    fn words(&self, command: Command) -> Vec<String> {
        let [master, node, second_master, second_node] = [
            self.machines.control_plane(0),
            self.machines.worker(0),
            self.machines.control_plane(1),
            self.machines.worker(1),
        ]
        .map(Machine::address);
        let file;
        let words = match command {
            Command::Run => {
                vec![
                    "run",
                    KUBERNETES,
                    FLANNEL,
                    PATCH,
                    "--name",
                    NAME,
                    "--masters",
                    &master,
                    "--nodes",
                    &node,
                ]
            }
            Command::Apply => {
                file = self.operator.file("Clusterfile", &self.clusterfile().to_string());
                vec!["apply", "-f", &file]
            }
            Command::ScaleDown => {
                let gone = ["--masters", &second_master, "--nodes", &second_node];
                [["scale", "down", "--name", NAME], gone].concat()
            }
            Command::Delete => vec!["delete", "--name", NAME],
        };
        let words = words.into_iter().chain(["--yes"]).map(str::to_owned);
        words.chain(self.machines.login()).collect()
    }

    fn clusterfile(&self) -> Value {
        let control_planes = list([self.machines.control_plane(0), self.machines.control_plane(1)]);
        json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": [KUBERNETES, FLANNEL, PATCH, HELLO],
                "hosts": [
                    {"role": "control-plane", "addresses": control_planes.split(',').collect::<Vec<_>>()},
                    {
                        "role": "worker", "addresses": [self.machines.worker(0).address()],
                        "labels": {"example.com/disk": "ssd"}, "kubeletArguments": {"max-pods": "77"},
                    },
                    // Its label comes when it has joined, so a kill meets that step, too, whatever goes on beside it.
                    {
                        "role": "worker", "addresses": [self.machines.worker(1).address()],
                        "labels": {"example.com/disk": "hdd"},
                    },
                ],
            },
        })
    }

    /// Fails unless every kind of step was hit that there is. Of steps side by side one may be over when its command is given
    /// again, so it is enough that another command was killed in it.
    fn count(&mut self) {
        let hit = |kind: &&&str| self.hits.iter().any(|(_, of, _)| of == **kind);
        let lacking: Vec<_> = KINDS.iter().flat_map(|(_, kinds)| *kinds).filter(|kind| !hit(kind)).collect();
        for command in COMMANDS {
            let of_it = self.hits.iter().filter(|(at, ..)| *at == command);
            story::report(&format!("cut_off: {command:?} was killed {} times", of_it.count()));
        }
        let kinds: BTreeSet<&str> = self.hits.iter().map(|(_, kind, _)| kind.as_str()).collect();
        story::report(&format!("cut_off: {} kills in {} kinds of steps", self.hits.len(), kinds.len()));
        assert!(lacking.is_empty(), "{lacking:#?}");
    }
}

/// Waits for a moment that no kill has met yet.
struct Hunt<'a> {
    command: Command,
    hits: &'a BTreeSet<Hit>,
    under_way: BTreeMap<StepNumber, String>,
    hit: Option<Hit>,
}

impl Hunt<'_> {
    fn strikes(&mut self, line: &Line) -> bool {
        let (kind, moment) = match &line.event {
            Some(Event::StepStarted { step, title, .. }) => {
                self.under_way.insert(*step, kind(title));
                (kind(title), Moment::AtTheBegin)
            }
            Some(Event::StepSaid { step, .. } | Event::StepProgress { step, .. }) => {
                (self.under_way[step].clone(), Moment::AtWork)
            }
            _ => return false,
        };
        let hit = (self.command, kind, moment);
        let is_new = self.hit.is_none() && !self.hits.contains(&hit);
        if is_new {
            self.hit = Some(hit);
        }
        is_new
    }
}

/// Builds the image that lies over the rootfs.
fn build_patch(operator: &Operator) {
    let context = operator.person().join("patch");
    fs::create_dir_all(context.join("etc")).unwrap();
    fs::write(context.join("etc/patched"), "yes\n").unwrap();
    fs::write(context.join("Kubefile"), PATCH_KUBEFILE).unwrap();
    let (code, built) = operator.looks(["build", "--offline", "-t", PATCH, &context.display().to_string()]);
    assert_eq!(code, Some(0), "{built}");
}

/// The kind of a step by what it says it does.
fn kind(title: &str) -> String {
    let named = [("send ", "send layers"), ("launch ", "launch an application")];
    let named = named.into_iter().find(|(begin, _)| title.starts_with(begin));
    named.map_or(title, |(_, kind)| kind).to_owned()
}
