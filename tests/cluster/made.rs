//! A cluster on machines that sealift makes: they come with it, follow its numbers, are made anew when they are gone, and go
//! with it.

use std::process::Command;

use libtest_mimic::Trial;
use sealift::engine::Event;

use crate::events;
use crate::kubernetes::await_ready;
use crate::machines::{FLANNEL, KUBERNETES, Made};
use crate::operator::{Blow, Ended, Operator};
use crate::story::Matters::ToAllAfter;
use crate::story::{self, Stage};

const NAME: &str = "test-cluster-made";

const REMOVE: &str = "remove the machine, which sealift made";

const STAGES: [Stage<Numbers>; 5] = [
    ("run_makes_its_machines", ToAllAfter, Numbers::run),
    ("scale_up_makes_one_more", ToAllAfter, Numbers::scale_up),
    ("a_machine_that_is_gone_is_replaced", ToAllAfter, Numbers::replace_lost),
    ("scale_down_is_killed_where_a_machine_is_removed", ToAllAfter, Numbers::scale_down),
    ("delete_leaves_no_machine", ToAllAfter, Numbers::delete),
];

pub(super) fn trials() -> Vec<Trial> {
    story::tell("made", Numbers::begin, &STAGES)
}

/// A cluster of which the operator only ever says how many machines it has.
struct Numbers {
    operator: Operator,
}

impl Numbers {
    fn begin() -> Self {
        crate::machines::prepare();
        Self { operator: Operator::new() }
    }

    fn run(&mut self) {
        let what = ["run", KUBERNETES, FLANNEL, "--provider", "container", "--masters", "1", "--nodes", "1"];
        self.types(&what).well();
        self.assert_has_workers(1);
        self.assert_is_settled(&what);
    }

    fn scale_up(&mut self) {
        let what = ["scale", "up", "--nodes", "2"];
        let before = self.made(1);
        self.types(&what).well();
        assert!(self.made(2).has_all_of(&before), "those that were there stay as they are");
        self.assert_has_workers(2);
        self.assert_is_settled(&what);
    }

    /// Somebody takes a container away; one at the same place takes over. No machine of the operator's can.
    fn replace_lost(&mut self) {
        let made = self.made(2);
        let lost = made.all().last().unwrap();
        let refused = self.types(&["replace", &format!("{}=10.0.0.1", lost.address())]);
        assert_eq!(refused.code(), Some(2), "{}", refused.told());
        lost.throw_away();
        let what = ["scale", "up", "--nodes", "2"];
        let ended = self.types(&what).well();
        let steps = events::steps(&ended.lines);
        // One alone joins.
        assert_eq!(events::step(&steps, "join as worker", None).machine, Some(lost.address()));
        self.assert_has_workers(2);
        self.assert_is_settled(&what);
    }

    fn scale_down(&mut self) {
        let what = ["scale", "down", "--nodes", "1"];
        let before = self.made(2);
        let mut words = what.map(str::to_owned).to_vec();
        words.extend(["--name", NAME, "--yes"].map(str::to_owned));
        let killed = self.operator.types_until(&words, |line| match &line.event {
            Some(Event::StepStarted { title, .. }) if title == REMOVE => Some(Blow::Kill),
            _ => None,
        });
        killed.killed();
        self.types(&what).well();
        assert!(before.has_all_of(&self.made(1)));
        self.assert_has_workers(1);
        self.assert_is_settled(&what);
    }

    fn delete(&mut self) {
        self.types(&["delete"]).well();
        assert!(self.operator.clusters().is_empty(), "{:?}", self.operator.clusters());
        assert_eq!(remains(), "");
    }

    fn types(&self, words: &[&str]) -> Ended {
        self.operator.types([words, &["--name", NAME, "--yes"]].concat())
    }

    /// Fails unless sealift's machines are one control plane and so many workers.
    fn made(&self, workers: usize) -> Made {
        Made::of(&self.operator.home(), NAME, 1, workers)
    }

    fn assert_has_workers(&self, workers: usize) {
        let made = self.made(workers);
        let members: Vec<_> = made.all().collect();
        await_ready(members[0], &members);
    }

    fn assert_is_settled(&self, words: &[&str]) {
        let again = self.types(words).well();
        assert_eq!(again.summary()["ending"], "nothing-to-do", "{}", again.told());
    }
}

/// Containers, networks and volumes of the cluster's.
fn remains() -> String {
    let filter = format!("label=io.sealift.cluster={NAME}");
    let lists = ["ps -aq", "network ls -q", "volume ls -q"];
    let listed = lists.map(|list| {
        let list = list.split(' ').chain(["--filter", filter.as_str()]);
        let output = Command::new("docker").args(list).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
    listed.concat()
}
