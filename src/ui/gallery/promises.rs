//! What holds in every terminal: no secret, no stray escape, no row too wide, no question to nobody.

use std::io::Write;

use secrecy::SecretString;

use super::stage::{Behind, Stage};
use super::stories::{demo_plan, demo_run, demo_summary, first_half, many_problems};
use crate::engine::{Event, Observer, Outcome};
use crate::error::{Class, Problem, Problems};
use crate::ops::{Data, PlanView, Question, Reporter, Summary};
use crate::ui::printer::{Assent, Output, Verbosity, Wanted};

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

fn write_log(log: &crate::ui::LogWriter, text: &str) {
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
