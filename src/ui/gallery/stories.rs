//! The runs that are told.

use std::time::Duration;

use super::stage::Stage;
use crate::engine::{Event, Observer, Outcome};
use crate::error::{Class, Problem, Problems};
use crate::model::{DocumentChange, FieldChange};
use crate::ops::{
    Affected, Certainty, Disruption, Ending, PlanGroup, PlanView, PlannedStep, Reporter, StepTiming, Summary,
};
use crate::plan::FileChange;

pub(super) const INSTALL: &str = "install containerd and kubelet";
pub(super) const SEND: &str = "send kubernetes:v1.36.3";
pub(super) const INIT: &str = "start the first control plane";
pub(super) const MIB: u64 = 1024 * 1024;

pub(super) fn step(number: usize, machine: Option<&str>, title: &str) -> PlannedStep {
    PlannedStep {
        number,
        machine: machine.map(str::to_owned),
        title: title.to_owned(),
        reason: None,
        disruption: Disruption::Adds,
        certainty: Certainty::Known,
    }
}

pub(super) fn demo_plan() -> PlanView {
    let machines = ["10.0.0.1", "10.0.0.2", "10.0.0.13"];
    let mut prepare: Vec<_> = machines.iter().zip(1..).map(|(m, n)| step(n, Some(m), SEND)).collect();
    prepare.extend(
        machines
            .iter()
            .zip(4..)
            .map(|(m, n)| PlannedStep { certainty: Certainty::Opaque, ..step(n, Some(m), INSTALL) }),
    );
    let control = vec![
        PlannedStep { reason: Some("no API answers".to_owned()), ..step(7, Some("10.0.0.1"), INIT) },
        PlannedStep { disruption: Disruption::Interrupts, ..step(8, Some("10.0.0.2"), "restart kubelet") },
        PlannedStep {
            disruption: Disruption::Removes,
            reason: Some("not in the Clusterfile".to_owned()),
            ..step(9, Some("10.0.0.99"), "drain and remove the machine")
        },
    ];
    PlanView {
        title: "apply Clusterfile".to_owned(),
        cluster: "demo".to_owned(),
        machines: Affected { joining: 1, changing: 2, leaving: 1, untouched: 0 },
        set_aside: vec![],
        documents: vec![DocumentChange {
            kind: "KubeletConfiguration".to_owned(),
            fields: vec![FieldChange {
                field: "maxPods".to_owned(),
                before: Some("110".to_owned()),
                after: Some("250".to_owned()),
            }],
            note: None,
        }],
        files: vec![FileChange {
            image: "kubernetes:v1.36.3".to_owned(),
            path: "etc/limits.conf".to_owned(),
            configs: vec!["limits".to_owned()],
            template: None,
            machine: None,
            difference:
                "--- a/etc/limits.conf\n+++ b/etc/limits.conf\n@@ -1 +1 @@\n-nofile 1024\n+nofile 65536"
                    .to_owned(),
        }],
        groups: vec![
            PlanGroup { title: "machines".to_owned(), steps: prepare },
            PlanGroup { title: "control plane".to_owned(), steps: control },
            PlanGroup {
                title: "applications".to_owned(),
                steps: vec![step(10, None, "install calico:v3.30")],
            },
        ],
    }
}

pub(super) fn no_room() -> Problem {
    Problem::new(Class::Machine, "no space left on /var")
        .on("10.0.0.13")
        .during(SEND)
        .saw("layer 3 of 5 needs 1.2 GiB\n/dev/sda2  20G  19.9G  100M  100% /var")
        .remedy("make 1.2 GiB free on /var, or mount a larger disk there, and run the same command again")
}

/// A run up to its middle: two machines send, one has sent and installs.
pub(super) fn first_half(stage: &Stage) {
    stage.terminal.event(&Event::RunStarted { run: "r7".to_owned(), cluster: "demo".to_owned(), steps: 10 });
    for (number, machine) in (1..).zip(["10.0.0.1", "10.0.0.2", "10.0.0.13"]) {
        stage.start(number, machine, SEND);
        stage.terminal.event(&Event::StepProgress { step: number, done: 0, total: 403 * MIB });
    }
    stage.wait(2.0);
    for number in 1..=3 {
        let done = 45 * MIB * number as u64;
        stage.terminal.event(&Event::StepProgress { step: number, done, total: 403 * MIB });
    }
    stage.wait(1.2);
    stage.end(1, "10.0.0.1", SEND, 3.2, Outcome::Done);
    stage.start(4, "10.0.0.1", INSTALL);
    stage.terminal.event(&Event::StepSaid {
        step: 4,
        line: "\x1b[32munpacking\x1b[0m containerd 2.1\x07".to_owned(),
        source: None,
    });
    stage.terminal.event(&Event::StepSaid { step: 4, line: "10%\r55%\r80%".to_owned(), source: None });
    stage.terminal.event(&Event::StepRetried {
        step: 2,
        problem: Problem::new(Class::Connection, "the connection was lost"),
    });
    stage.wait(11.0);
    stage.terminal.event(&Event::StepProgress { step: 3, done: 200 * MIB, total: 403 * MIB });
}

pub(super) fn second_half(stage: &Stage) {
    stage.end(3, "10.0.0.13", SEND, 14.2, Outcome::Failed { problem: no_room() });
    stage.end(6, "10.0.0.13", INSTALL, 0.0, Outcome::Skipped { because: 3 });
    stage.end(2, "10.0.0.2", SEND, 20.4, Outcome::Done);
    stage.end(4, "10.0.0.1", INSTALL, 61.5, Outcome::AlreadyDone);
    stage.terminal.event(&Event::RunFinished { seconds: 82.0, succeeded: 8, failed: 1, left: 1 });
}

pub(super) fn demo_summary() -> Summary {
    Summary {
        what: "cluster \"demo\" is up: 1 control plane, 1 worker".to_owned(),
        ending: Ending::Partial,
        steps: StepTiming::gather([
            (SEND, Some("10.0.0.1"), Duration::from_millis(3_200)),
            (SEND, Some("10.0.0.2"), Duration::from_millis(20_400)),
            (INSTALL, Some("10.0.0.1"), Duration::from_millis(61_500)),
            (INIT, Some("10.0.0.1"), Duration::from_secs(41)),
        ]),
        set_aside: vec![no_room()],
        succeeded: 8,
        planned: 10,
        seconds: 82.0,
        next: vec![
            "export KUBECONFIG=$HOME/.sealift/demo/admin.conf".to_owned(),
            "kubectl get nodes".to_owned(),
        ],
    }
}

pub(super) fn demo_run(stage: &Stage) {
    stage.terminal.plan(&demo_plan());
    first_half(stage);
    second_half(stage);
    stage.terminal.finished(&demo_summary());
}

/// Three hundred machines, of which 120 are done, one failed and 64 are at work.
pub(super) fn fleet_at_work(stage: &Stage) {
    let machine = |number: usize| format!("10.0.{}.{}", number / 250, number % 250 + 1);
    let steps: Vec<_> = (1..=300).map(|number| step(number, Some(&machine(number)), INSTALL)).collect();
    stage.terminal.plan(&PlanView {
        title: "apply Clusterfile".to_owned(),
        cluster: "fleet".to_owned(),
        machines: Affected { joining: 300, ..Affected::default() },
        set_aside: vec![],
        groups: vec![PlanGroup { title: "machines".to_owned(), steps }],
        files: vec![],
        documents: vec![],
    });
    stage.terminal.event(&Event::RunStarted {
        run: "r8".to_owned(),
        cluster: "fleet".to_owned(),
        steps: 300,
    });
    for number in 1..=185 {
        stage.start(number, &machine(number), INSTALL);
    }
    stage.wait(32.0);
    for number in 1..=120 {
        stage.end(number, &machine(number), INSTALL, 30.0, Outcome::Done);
    }
    stage.end(121, &machine(121), INSTALL, 31.0, Outcome::Failed { problem: no_room() });
}

pub(super) fn many_problems(machines: usize) -> Problems {
    let mut problems: Vec<Problem> = (1..=machines)
        .map(|number| {
            Problem::new(Class::Connection, "the SSH server does not let us in")
                .on(format!("10.0.0.{number}"))
                .saw("tried: publickey (id_ed25519)")
                .remedy("give a password with --ssh-password-file, or a key with --ssh-key")
        })
        .collect();
    problems.push(no_room());
    problems.push(
        Problem::new(Class::Machine, "the clock is 340 s behind that of this machine")
            .on("10.0.0.2")
            .remedy("set the clock: `chronyc makestep`"),
    );
    Problems::check(problems).unwrap_err()
}
