//! What all of it looks like: whole runs, told to terminals of several kinds.

mod promises;
mod show;
mod stage;
mod stories;

use crate::engine::{Event, Observer, Outcome};
use crate::ops::{Ending, HalfDone, PlanView, Reporter, Summary};
use crate::ui::printer::{Output, Verbosity, Wanted};
use stage::{Behind, Stage};
use stories::{
    INIT, INSTALL, SEND, demo_plan, demo_run, demo_summary, first_half, fleet_at_work, many_problems, no_room,
};

#[test]
fn a_run_at_work_80_columns() {
    let stage = Stage::human(80);
    first_half(&stage);
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn a_run_at_work_120_columns_verbose() {
    let stage =
        Stage::new(Behind::Terminal, 120, Wanted { verbosity: Verbosity::Verbose, ..Wanted::default() });
    first_half(&stage);
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn a_whole_run_80_columns() {
    let stage = Stage::human(80);
    demo_run(&stage);
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn a_whole_run_120_columns() {
    let stage = Stage::human(120);
    demo_run(&stage);
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn a_whole_run_as_lines() {
    let stage = Stage::new(Behind::File, 80, Wanted::default());
    demo_run(&stage);
    insta::assert_snapshot!(stage.stderr.text());
    assert_eq!(stage.stdout.text(), "");
}

#[test]
fn a_whole_run_as_json() {
    let stage = Stage::new(Behind::File, 80, Wanted { output: Output::Events, ..Wanted::default() });
    stage.terminal.note("looking at 3 machines");
    demo_run(&stage);
    insta::assert_snapshot!(stage.stdout.text());
    assert_eq!(stage.stderr.text(), "");
    for line in stage.stdout.text().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["time"].is_string() && value["event"].is_string(), "{line}");
    }
}

#[test]
fn three_hundred_machines_at_work_and_at_the_end() {
    let stage = Stage::human(80);
    fleet_at_work(&stage);
    insta::assert_snapshot!(stage.screen());
    let machine = |number: usize| format!("10.0.{}.{}", number / 250, number % 250 + 1);
    for number in 122..=300 {
        stage.end(number, &machine(number), INSTALL, 30.0, Outcome::Done);
    }
    stage.terminal.event(&Event::RunFinished { seconds: 60.0, succeeded: 299, failed: 1, left: 0 });
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn an_interrupted_run() {
    let stage = Stage::human(80);
    stage.terminal.plan(&demo_plan());
    first_half(&stage);
    stage.terminal.stopping();
    stage.wait(0.5);
    insta::assert_snapshot!("stopping", stage.screen());
    for (number, machine, title) in [(2, "10.0.0.2", SEND), (4, "10.0.0.1", INSTALL), (7, "10.0.0.1", INIT)] {
        stage.end(number, machine, title, 12.0, Outcome::Cancelled);
    }
    stage.terminal.event(&Event::RunFinished { seconds: 14.7, succeeded: 1, failed: 0, left: 9 });
    let half =
        |machine: &str, title: &str| HalfDone { machine: Some(machine.to_owned()), title: title.to_owned() };
    stage.terminal.finished(&Summary {
        what: "stopped before cluster \"demo\" was as desired".to_owned(),
        ending: Ending::Interrupted {
            half_done: vec![half("10.0.0.13", SEND), half("10.0.0.1", INSTALL)],
            again: "sealift apply -f Clusterfile".to_owned(),
        },
        set_aside: vec![],
        succeeded: 1,
        next: vec![],
        ..demo_summary()
    });
    insta::assert_snapshot!("interrupted", stage.screen());
}

#[test]
fn problems_of_three_machines() {
    for width in [80, 120] {
        let stage = Stage::human(width);
        stage.terminal.problems(&many_problems(2));
        insta::assert_snapshot!(format!("problems of three machines {width}"), stage.screen());
    }
}

#[test]
fn problems_of_three_hundred_machines_are_folded() {
    let stage = Stage::human(80);
    stage.terminal.problems(&many_problems(300));
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn one_problem() {
    let stage = Stage::human(80);
    stage.terminal.problem(&no_room());
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn nothing_to_do() {
    let stage = Stage::human(80);
    stage.terminal.note("looking at 3 machines");
    assert!(stage.screen().contains("looking at 3 machines"));
    stage.terminal.plan(&PlanView { groups: vec![], ..demo_plan() });
    insta::assert_snapshot!(stage.screen(), @r"
    demo  apply Clusterfile
    ✓ nothing to do: all is as desired
    ");
}

#[test]
fn quiet_tells_only_what_went_wrong() {
    let stage = Stage::new(Behind::Terminal, 80, Wanted { verbosity: Verbosity::Quiet, ..Wanted::default() });
    stage.terminal.note("looking at 3 machines");
    demo_run(&stage);
    insta::assert_snapshot!(stage.screen());
    let stage = Stage::new(Behind::File, 80, Wanted { verbosity: Verbosity::Quiet, ..Wanted::default() });
    first_half(&stage);
    stage.terminal.finished(&Summary { ending: Ending::Done, set_aside: vec![], ..demo_summary() });
    assert_eq!(stage.stderr.text(), "");
}
