//! A run for the eye.

use std::time::Duration;

use super::stories::{INSTALL, MIB, SEND, demo_plan, demo_summary};
use crate::engine::{Event, Observer, Outcome};
use crate::ops::{Question, Reporter};
use crate::redact::Redactions;
use crate::ui::printer::{Printer, Streams, Surroundings, Verbosity, Wanted};
use crate::ui::terminal::Terminal;

/// For the eye: `cargo test --lib gallery::show -- --ignored --nocapture` in a terminal plays a run, with questions.
#[test]
#[ignore = "is looked at, not checked"]
fn show() {
    let wanted = Wanted { verbosity: Verbosity::Verbose, ..Wanted::default() };
    let wanted = if std::env::var_os("SHOW_VERBOSE").is_some() { wanted } else { Wanted::default() };
    let streams = Streams::of_this_process();
    let printer = Printer::new(wanted, &Surroundings::of_this_process(), streams, Redactions::default());
    let terminal = Terminal::new(printer);
    let pause = |milliseconds| std::thread::sleep(Duration::from_millis(milliseconds));
    terminal.note("looking at 3 machines");
    pause(2_500);
    terminal.plan(&demo_plan());
    let question = Question::Removal {
        text: "10.0.0.99 is drained, leaves the cluster, and what sealift installed on it is deleted"
            .to_owned(),
        name: "10.0.0.99".to_owned(),
        flag: "--prune".to_owned(),
    };
    for question in [Question::Proceed { text: "go on?".to_owned() }, question] {
        match terminal.confirm(&question) {
            Ok(answer) => terminal.note(&format!("answered: {answer}")),
            Err(problem) => return terminal.problem(&problem),
        }
    }
    match terminal.secret("password of root on 10.0.0.1") {
        Ok(secret) => {
            terminal.warn(&format!("got {}", secrecy::ExposeSecret::expose_secret(&secret)));
            play(&terminal, &pause);
        }
        Err(problem) => terminal.problem(&problem),
    }
}

/// Five machines get an image side by side and install it.
fn play(terminal: &Terminal, pause: &dyn Fn(u64)) {
    let machines: Vec<String> = (1..=5).map(|number| format!("10.0.0.{number}")).collect();
    terminal.event(&Event::RunStarted { run: "r9".to_owned(), cluster: "demo".to_owned(), steps: 10 });
    let start = |step, machine: &String, title: &str| {
        terminal.event(&Event::StepStarted { step, machine: Some(machine.clone()), title: title.to_owned() });
    };
    let end = |step, machine: &String, title: &str, seconds| {
        let (machine, title) = (Some(machine.clone()), title.to_owned());
        terminal.event(&Event::StepFinished { step, machine, title, seconds, outcome: Outcome::Done });
    };
    for (step, machine) in (1..).zip(&machines) {
        start(step, machine, SEND);
    }
    for tick in 0..60_u64 {
        for (step, machine) in (1..).zip(&machines) {
            let done = (tick * (8 + step as u64) * MIB).min(403 * MIB);
            match tick * (8 + step as u64) / 403 {
                0 => terminal.event(&Event::StepProgress { step, done, total: 403 * MIB }),
                _ if (tick - 1) * (8 + step as u64) < 403 => {
                    end(step, machine, SEND, tick as f64 / 10.0);
                    start(step + 5, machine, INSTALL);
                }
                _ => terminal.event(&Event::StepSaid {
                    step: step + 5,
                    line: format!("unpacking {tick}"),
                    source: None,
                }),
            }
        }
        pause(100);
    }
    for (step, machine) in (6..).zip(&machines) {
        end(step, machine, INSTALL, 2.0);
        pause(300);
    }
    terminal.event(&Event::RunFinished { seconds: 8.0, succeeded: 10, failed: 0, left: 0 });
    terminal.finished(&demo_summary());
}
