//! Two operators at once: one works, the other is told; who sleeps is replaced, and refused on waking.

use sealift::engine::Event;
use sealift::error::Class;
use serde_json::json;

use super::Cluster;
use crate::events::Line;
use crate::kubernetes::kubectl;
use crate::machines::HELLO;
use crate::operator::Operator;
use crate::running::Running;

/// An application's commands wait for this file on the control plane, so they last as long as the test wants.
const GO: &str = "/run/unanswered-go";

/// The first operator's run, in the middle of a step.
pub(super) struct AtWork {
    run: Running,
    second: Operator,
}

impl Cluster {
    /// The same wish of both operators: applications, of which the first lasts as long as the test wants.
    fn launch_words(&self, operator: &Operator) -> Vec<String> {
        let command = format!("echo waiting; until test -e {GO}; do sleep 0.1; done");
        // It stands in place of the first application's own commands, which have done their work.
        let fields = json!({"images": [super::KUBERNETES, super::FLANNEL, HELLO], "command": [command]});
        self.apply_words(operator, Some("one"), &fields)
    }

    /// The words of a command that looks at the cluster, by the file that declares it.
    fn looking(&self, command: &str, operator: &Operator) -> Vec<String> {
        let [_, file, path, _, login @ ..] = &self.launch_words(operator)[..] else { unreachable!() };
        [command, file, path].into_iter().map(str::to_owned).chain(login.iter().cloned()).collect()
    }

    pub(super) fn refuse_second(&mut self) {
        let mut first = self.operator.begins(self.launch_words(&self.operator));
        first.hears("the launch is under way", |line| said(line, "waiting"));
        let second = Operator::new();
        let ended = second.types(self.launch_words(&second));
        assert_eq!(ended.code(), Some(10), "{}", ended.told());
        let problems = ended.problems();
        let holder = problems[0].seen.join("\n");
        assert_eq!(problems[0].class, Class::Busy);
        for part in [format!("process {}: `apply ", first.process()), " since 20".to_owned(), "@".to_owned()]
        {
            assert!(holder.contains(&part), "`{part}` is not told: {holder}");
        }
        let (code, status) = second.looks(self.looking("status", &second));
        let told = status["locked_by"].as_str().unwrap_or_default();
        assert!(told.contains(&format!("process {}:", first.process())), "{status:#}");
        assert_eq!(code, Some(12));
        assert_eq!(second.clusters(), [""; 0], "looking leaves nothing behind");
        self.sleeper = Some(AtWork { run: first, second });
    }

    pub(super) fn replace_sleeper(&mut self) {
        let AtWork { run: first, second } = self.sleeper.take().unwrap();
        first.sleeps();
        let mut over = second.begins(self.launch_words(&second));
        let reported = |line: &Line| {
            line.value["event"] == "warning"
                && line.value.to_string().contains("work of an earlier run goes on")
        };
        over.hears("what the first has begun goes on", reported);
        over.hears("the second is at the same step", |line| {
            matches!(&line.event, Some(Event::StepStarted { title, .. }) if title.starts_with("launch "))
        });
        let sleeper = first.process();
        first.wakes();
        let refused = first.ends();
        assert_eq!(refused.code(), Some(10), "{}", refused.told());
        let problem = &refused.problems()[0];
        let told = problem.to_string();
        assert_eq!(problem.class, Class::Busy, "{told}");
        assert!(told.contains("taken the cluster over"), "{told}");
        assert!(told.contains(&format!("process {}: `apply ", over.process())), "{told}");
        assert_ne!(sleeper, over.process());
        self.control_plane().sh(&format!("touch {GO}"));
        let ended = over.ends().well();
        assert_eq!(ended.summary()["ending"], "done");
        kubectl(self.control_plane(), "rollout status deployment/hello --timeout 120s");
    }
}

fn said(line: &Line, words: &str) -> bool {
    matches!(&line.event, Some(Event::StepSaid { line, .. }) if line == words)
}
