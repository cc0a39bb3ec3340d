//! A worker that loses its power while the cluster is made, is without it for a while, and has it again.

use sealift::engine::Event;
use serde_json::Value;

use super::{Cluster, NAME};
use crate::events;
use crate::kubernetes::{assert_ready, await_ready, kubectl};
use crate::machines::Machine;
use crate::operator::Ended;

impl Cluster {
    pub(super) fn lose_worker(&mut self) {
        let dark = self.dark().address();
        let (mut joins, mut has_power) = (None, true);
        let words = self.apply_words(&self.operator, None, &serde_json::json!({}));
        let ended = self.operator.types_until(words, |line| {
            match &line.event {
                Some(Event::StepStarted { step, machine, title })
                    if title == "join as worker" && machine.as_ref() == Some(&dark) =>
                {
                    joins = Some(*step);
                }
                Some(Event::StepSaid { step, .. }) if Some(*step) == joins && has_power => {
                    self.dark().kill();
                    has_power = false;
                }
                _ => {}
            }
            None
        });
        assert!(!has_power, "the worker never joined: {}", ended.told());
        assert_partial(&ended, self.dark());
        assert_ready(self.control_plane(), &self.lit());
    }

    pub(super) fn apply_without_it(&mut self) {
        let ended = self.apply(Some("one"));
        assert_partial(&ended, self.dark());
        assert_eq!(self.label(), "one");
        let steps = events::steps(&ended.lines);
        assert!(steps.iter().all(|step| step.machine != Some(self.dark().address())), "{steps:#?}");
        let again = self.apply(Some("one"));
        assert_partial(&again, self.dark());
        assert!(events::steps(&again.lines).is_empty(), "{}", again.told());
    }

    pub(super) fn tell_of_silence(&mut self) {
        let (code, status) = self.operator.looks(["status", "--name", NAME]);
        assert_eq!((code, &status["as_desired"]), (Some(12), &Value::Bool(false)), "{status:#}");
        for machine in self.machines.all() {
            let wanted = if machine.address() == self.dark().address() { "silent" } else { "ready" };
            assert_eq!(of(&status, machine)["state"], wanted, "{status:#}");
        }
        let runs = status["runs"].as_array().unwrap();
        assert!(runs.iter().all(|run| run["outcome"] == "partial"), "{runs:#?}");
    }

    pub(super) fn fail_fast(&mut self) {
        let mut words = self.apply_words(&self.operator, Some("two"), &serde_json::json!({}));
        words.push("--fail-fast".to_owned());
        let ended = self.operator.types(words);
        assert_eq!(ended.code(), Some(4), "{}", ended.told());
        assert!(events::steps(&ended.lines).is_empty(), "{}", ended.told());
        assert_eq!(ended.problems()[0].machine, Some(self.dark().address()));
        assert_eq!(self.label(), "one");
    }

    /// It is unavailable already, so nothing else may be.
    pub(super) fn count_it_as_unavailable(&mut self) {
        let leaves = self.machines.worker(0);
        let words = ["scale", "down", "--name", NAME, "--yes", "--nodes", &leaves.address()];
        let ended = self.operator.types(words.into_iter().chain(["--max-unavailable", "1"]));
        assert_eq!(ended.code(), Some(9), "{}", ended.told());
        assert!(events::steps(&ended.lines).is_empty(), "{}", ended.told());
        let told = ended.problems()[0].to_string();
        assert!(told.contains(&format!("{} does not answer", self.dark().address())), "{told}");
        kubectl(self.control_plane(), &format!("get node {}", leaves.hostname()));
    }

    pub(super) fn heal(&mut self) {
        self.dark().start();
        let ended = self.apply(Some("one")).well();
        assert_eq!(ended.summary()["ending"], "done");
        let all: Vec<Machine<'_>> = self.machines.all().collect();
        assert_ready(self.control_plane(), &all);
        await_ready(self.control_plane(), &all);
        assert_eq!(self.apply(Some("one")).well().summary()["ending"], "nothing-to-do");
        let (code, status) = self.operator.looks(["status", "--name", NAME]);
        assert_eq!((code, &status["as_desired"]), (Some(0), &Value::Bool(true)), "{status:#}");
    }

    pub(super) fn tell_of_drift(&mut self) {
        let worker = self.machines.worker(1);
        worker.sh("systemctl stop kubelet");
        let (code, status) = self.operator.looks(["status", "--name", NAME]);
        worker.sh("systemctl start kubelet");
        assert_eq!(code, Some(12), "{status:#}");
        let drift = of(&status, worker)["drift"].to_string();
        assert!(drift.contains("kubelet.service is inactive"), "{drift}");
        assert_eq!(of(&status, self.machines.worker(0))["drift"], serde_json::json!([]), "{status:#}");
        await_ready(self.control_plane(), &self.machines.all().collect::<Vec<_>>());
    }
}

/// What a status says of a machine.
fn of<'a>(status: &'a Value, machine: Machine<'_>) -> &'a Value {
    let machines = status["machines"].as_array().unwrap();
    machines.iter().find(|one| one["name"] == machine.address().as_str()).unwrap()
}

/// Fails unless the run ended as partial, and only this machine is told of.
#[track_caller]
fn assert_partial(ended: &Ended, machine: Machine<'_>) {
    assert_eq!(ended.code(), Some(8), "{}", ended.told());
    assert_eq!(ended.summary()["ending"], "partial");
    let set_aside = ended.summary()["set_aside"].as_array().unwrap();
    let is_it = |problem: &Value| problem["machine"] == machine.address().as_str();
    assert!(!set_aside.is_empty() && set_aside.iter().all(is_it), "{set_aside:#?}");
}
