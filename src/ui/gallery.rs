//! What all of it looks like: whole runs, told to terminals of several kinds.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Zoned;
use secrecy::SecretString;

use super::clock::Clock;
use super::printer::{Assent, Output, Printer, Streams, Surroundings, Verbosity, Wanted};
use super::progress::Ticking;
use super::screen::Size;
use super::terminal::Terminal;
use crate::engine::{Event, Observer, Outcome};
use crate::error::{Class, Problem, Problems};
use crate::model::{DocumentChange, FieldChange};
use crate::ops::{
    Affected, Certainty, Data, Disruption, Ending, HalfDone, PlanGroup, PlanView, PlannedStep, Question,
    Reporter, StepTiming, Summary,
};
use crate::plan::FileChange;
use crate::redact::Redactions;

/// A clock that moves only when it is told to.
struct StillClock(Mutex<Duration>);

impl Clock for StillClock {
    fn local(&self) -> Zoned {
        let noon: Zoned = "2026-03-01T12:03:04.250+01:00[Europe/Berlin]".parse().unwrap();
        noon.checked_add(*self.0.lock().unwrap()).unwrap()
    }
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A place to run in, and what was written there.
struct Stage {
    terminal: Terminal,
    clock: Arc<StillClock>,
    stdout: Paper,
    stderr: Paper,
    size: Arc<Mutex<Size>>,
}

#[derive(Clone, Copy)]
enum Behind {
    Terminal,
    ColourlessTerminal,
    File,
}

impl Stage {
    fn new(behind: Behind, width: u16, wanted: Wanted) -> Self {
        let (stdout, stderr) = (Paper::default(), Paper::default());
        let clock = Arc::new(StillClock(Mutex::new(Duration::ZERO)));
        let size = Arc::new(Mutex::new(Size { width, height: 24 }));
        let shown = size.clone();
        let streams = Streams {
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            size: Arc::new(move || *shown.lock().unwrap()),
        };
        let surroundings = Surroundings {
            stdin_is_terminal: false,
            stderr_is_terminal: !matches!(behind, Behind::File),
            variable: Box::new(move |name| match name {
                "TERM" => Some("xterm-256color".to_owned()),
                "LANG" => Some("C.UTF-8".to_owned()),
                "NO_COLOR" if matches!(behind, Behind::ColourlessTerminal) => Some("1".to_owned()),
                _ => None,
            }),
        };
        let printer = Printer::new(wanted, &surroundings, streams, Redactions::default());
        let terminal = Terminal::with(printer, clock.clone(), Ticking::WithEvents);
        Self { terminal, clock, stdout, stderr, size }
    }

    fn human(width: u16) -> Self {
        Self::new(Behind::Terminal, width, Wanted::default())
    }

    fn wait(&self, seconds: f64) {
        *self.clock.0.lock().unwrap() += Duration::from_secs_f64(seconds);
    }

    /// Returns what a terminal of this size shows after all that was written; it is as high as all of it.
    fn screen(&self) -> String {
        let mut parser = vt100::Parser::new(200, self.size.lock().unwrap().width, 0);
        // The terminal's driver moves to the first column at a line's end.
        parser.process(self.stderr.text().replace('\n', "\r\n").as_bytes());
        let rows = parser.screen().contents();
        rows.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn start(&self, step: usize, machine: &str, title: &str) {
        let machine = Some(machine.to_owned());
        self.terminal.event(&Event::StepStarted { step, machine, title: title.to_owned() });
    }

    fn end(&self, step: usize, machine: &str, title: &str, seconds: f64, outcome: Outcome) {
        let (machine, title) = (Some(machine.to_owned()), title.to_owned());
        self.terminal.event(&Event::StepFinished { step, machine, title, seconds, outcome });
    }
}

const INSTALL: &str = "install containerd and kubelet";
const SEND: &str = "send kubernetes:v1.36.3";
const INIT: &str = "start the first control plane";
const MIB: u64 = 1024 * 1024;

fn step(number: usize, machine: Option<&str>, title: &str) -> PlannedStep {
    PlannedStep {
        number,
        machine: machine.map(str::to_owned),
        title: title.to_owned(),
        reason: None,
        disruption: Disruption::Adds,
        certainty: Certainty::Known,
    }
}

fn demo_plan() -> PlanView {
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

fn no_room() -> Problem {
    Problem::new(Class::Machine, "no space left on /var")
        .on("10.0.0.13")
        .during(SEND)
        .saw("layer 3 of 5 needs 1.2 GiB\n/dev/sda2  20G  19.9G  100M  100% /var")
        .remedy("make 1.2 GiB free on /var, or mount a larger disk there, and run the same command again")
}

/// A run up to its middle: two machines send, one has sent and installs.
fn first_half(stage: &Stage) {
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

fn second_half(stage: &Stage) {
    stage.end(3, "10.0.0.13", SEND, 14.2, Outcome::Failed { problem: no_room() });
    stage.end(6, "10.0.0.13", INSTALL, 0.0, Outcome::Skipped { because: 3 });
    stage.end(2, "10.0.0.2", SEND, 20.4, Outcome::Done);
    stage.end(4, "10.0.0.1", INSTALL, 61.5, Outcome::AlreadyDone);
    stage.terminal.event(&Event::RunFinished { seconds: 82.0, succeeded: 8, failed: 1, left: 1 });
}

fn demo_summary() -> Summary {
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

fn demo_run(stage: &Stage) {
    stage.terminal.plan(&demo_plan());
    first_half(stage);
    second_half(stage);
    stage.terminal.finished(&demo_summary());
}

/// Three hundred machines, of which 120 are done, one failed and 64 are at work.
fn fleet_at_work(stage: &Stage) {
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

fn many_problems(machines: usize) -> Problems {
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

#[test]
fn without_colours_there_is_no_style_and_without_a_terminal_no_escape_at_all() {
    let stage = Stage::new(Behind::ColourlessTerminal, 80, Wanted::default());
    demo_run(&stage);
    stage.terminal.problems(&many_problems(3));
    assert!(!has_colours(&stage.stderr.text()), "{:?}", stage.stderr.text());
    let stage = Stage::new(Behind::File, 80, Wanted::default());
    demo_run(&stage);
    stage.terminal.problems(&many_problems(3));
    assert!(!stage.stderr.text().contains('\x1b'));
    let stage = Stage::human(80);
    stage.terminal.problems(&many_problems(3));
    assert!(has_colours(&stage.stderr.text()));
}

/// Looks for a sequence that ends in `m`: ECMA-48's "select graphic rendition".
fn has_colours(text: &str) -> bool {
    text.split('\x1b').skip(1).any(|after| {
        after.trim_start_matches(|c: char| c == '[' || c == ';' || c.is_ascii_digit()).starts_with('m')
    })
}

#[test]
fn colours_are_all_that_is_lost_without_them() {
    let coloured = Stage::human(80);
    demo_run(&coloured);
    let colourless = Stage::new(Behind::ColourlessTerminal, 80, Wanted::default());
    demo_run(&colourless);
    assert_eq!(coloured.screen(), colourless.screen());
}

#[test]
fn a_secret_shows_up_nowhere() {
    let secret = "s3cr\"et-that-is-long-enough-to-be-wrapped-or-cut-somewhere-in-a-table";
    for (behind, output) in [
        (Behind::Terminal, Output::Text),
        (Behind::File, Output::Text),
        (Behind::File, Output::Events),
        (Behind::File, Output::Document),
    ] {
        let wanted = Wanted { output, verbosity: Verbosity::Verbose, assent: Assent::Ask };
        let stage = Stage::new(behind, 60, wanted);
        stage.terminal.hide(&SecretString::from(secret));
        let leak =
            Problem::new(Class::Machine, format!("login with {secret} failed")).saw(secret).remedy(secret);
        stage.terminal.note(secret);
        stage.terminal.warn(secret);
        stage.terminal.plan(&PlanView { title: secret.to_owned(), ..demo_plan() });
        first_half(&stage);
        stage.terminal.event(&Event::StepSaid {
            step: 4,
            line: format!("--password={secret}"),
            source: None,
        });
        stage.end(3, "10.0.0.13", secret, 1.0, Outcome::Failed { problem: leak.clone() });
        stage.terminal.problems(&Problems::check(vec![leak.clone(), leak.clone().on("b")]).unwrap_err());
        stage.terminal.finished(&Summary {
            what: secret.to_owned(),
            set_aside: vec![leak],
            ..demo_summary()
        });
        let data = Data { text: secret.to_owned(), json: serde_json::json!({ "password": secret }) };
        stage.terminal.result(&data).unwrap();
        write_log(&stage.terminal.log_writer(), secret);
        let all = stage.stdout.text() + &stage.stderr.text();
        assert!(
            !all.contains("s3cr") && !all.contains("long-enough") && !all.contains("in-a-table"),
            "{all}"
        );
        assert!(all.contains("***"));
    }
}

fn write_log(log: &super::LogWriter, text: &str) {
    use tracing_subscriber::fmt::MakeWriter;
    writeln!(log.make_writer(), "debug: {text}\x1b[31m").unwrap();
}

#[test]
fn hostile_output_cannot_move_the_cursor() {
    let stage = Stage::new(Behind::File, 80, Wanted { verbosity: Verbosity::Verbose, ..Wanted::default() });
    let hostile = "\x1b]0;owned\x07\x1b[2J\u{9b}1A\x08evil\u{202e}";
    first_half(&stage);
    stage.terminal.event(&Event::StepSaid { step: 4, line: hostile.to_owned(), source: None });
    stage.terminal.warn(hostile);
    stage.terminal.problem(&Problem::new(Class::Machine, hostile).on(hostile).saw(hostile).remedy(hostile));
    stage.terminal.result(&Data { text: hostile.to_owned(), json: serde_json::Value::Null }).unwrap();
    let all = stage.stderr.text() + &stage.stdout.text();
    assert!(all.contains("evil"));
    assert!(all.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{all:?}");
}

#[test]
fn no_row_is_wider_than_the_terminal_even_after_it_was_resized() {
    for width in [24, 40, 80, 200] {
        let stage = Stage::human(120);
        stage.size.lock().unwrap().width = width;
        first_half(&stage);
        let widest = stage.screen().lines().map(unicode_width::UnicodeWidthStr::width).max();
        assert!(widest.unwrap() < usize::from(width), "{}", stage.screen());
    }
}

#[test]
fn rows_end_where_their_text_ends_so_that_they_can_be_copied() {
    let stage = Stage::new(Behind::ColourlessTerminal, 120, Wanted::default());
    first_half(&stage);
    assert!(
        stage.stderr.text().split(['\n', '\x1b']).all(|row| !row.ends_with("  ")),
        "{:?}",
        stage.stderr.text()
    );
}

#[test]
fn a_secret_that_is_a_word_of_ours_does_not_break_json() {
    let stage = Stage::new(Behind::File, 80, Wanted { output: Output::Events, ..Wanted::default() });
    for secret in ["event", "time", ":", "true", "\""] {
        stage.terminal.hide(&SecretString::from(secret));
    }
    stage.terminal.note("an event, and the time");
    let line: serde_json::Value = serde_json::from_str(&stage.stdout.text()).unwrap();
    assert_eq!((&line["event"], &line["text"]), (&"note".into(), &"an ***, and the ***".into()));
}

#[test]
fn what_the_engine_says_outside_of_its_steps_is_always_told() {
    for behind in [Behind::Terminal, Behind::File] {
        let stage = Stage::new(behind, 80, Wanted::default());
        first_half(&stage);
        stage.terminal.event(&Event::StepSaid {
            step: 0,
            line: "a step broke: panic".to_owned(),
            source: None,
        });
        assert!(stage.screen().contains("a step broke: panic"), "{}", stage.screen());
        assert!(!stage.screen().contains("unpacking"));
    }
}

#[test]
fn where_nobody_can_be_asked_the_flag_is_named() {
    let proceed = Question::Proceed { text: "go on?".to_owned() };
    let removal = Question::Removal {
        text: "10.0.0.99 is removed".to_owned(),
        name: "10.0.0.99".to_owned(),
        flag: "--prune".to_owned(),
    };
    let refused = |stage: &Stage, question| {
        let problem = stage.terminal.confirm(question).unwrap_err();
        assert_eq!(problem.class, Class::Refused);
        problem.remedies.concat()
    };
    let stage = Stage::new(Behind::File, 80, Wanted::default());
    assert!(refused(&stage, &proceed).contains("`--yes`"));
    assert!(refused(&stage, &removal).contains("`--prune`"));
    assert_eq!(stage.terminal.secret("password").unwrap_err().class, Class::Refused);
    let stage = Stage::new(Behind::File, 80, Wanted { assent: Assent::Yes, ..Wanted::default() });
    assert_eq!(stage.terminal.confirm(&proceed), Ok(true));
    assert!(refused(&stage, &removal).contains("`--prune`"));
}

#[test]
fn data_goes_to_standard_output_in_the_form_that_was_asked_for() {
    let data =
        Data { text: "IMAGE\nkubernetes".to_owned(), json: serde_json::json!([{ "image": "kubernetes" }]) };
    for (output, expected) in [
        (Output::Text, "IMAGE\nkubernetes\n"),
        (Output::Document, "[\n  {\n    \"image\": \"kubernetes\"\n  }\n]\n"),
        (
            Output::Events,
            "{\"time\":\"2026-03-01T11:03:04.25Z\",\"event\":\"result\",\"data\":[{\"image\":\"kubernetes\"}]}\n",
        ),
    ] {
        let stage = Stage::new(Behind::File, 80, Wanted { output, ..Wanted::default() });
        stage.terminal.result(&data).unwrap();
        assert_eq!(stage.stdout.text(), expected);
    }
}

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
