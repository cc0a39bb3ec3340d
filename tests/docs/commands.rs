//! A page for each command and their index, from what `--help` says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::pages::repository;

/// Where the examples of a command begin in its help.
const EXAMPLES: &str = "\nExamples:\n";

/// Run with `SEALIFT_UPDATE_DOCS=1` to write the files anew.
#[test]
fn the_published_help_is_current() {
    let written = pages();
    if std::env::var_os("SEALIFT_UPDATE_DOCS").is_some() {
        let _ = fs::remove_dir_all(repository().join("docs/commands"));
        fs::create_dir_all(repository().join("docs/commands")).unwrap();
        for (name, text) in &written {
            fs::write(repository().join("docs").join(name), text).unwrap();
        }
    }
    let mut published = BTreeMap::from([("commands.md".to_owned(), read("commands.md"))]);
    for entry in fs::read_dir(repository().join("docs/commands")).unwrap() {
        let name = format!("commands/{}", entry.unwrap().file_name().to_str().unwrap());
        published.insert(name.clone(), read(&name));
    }
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    let what_to_do = "run this test with SEALIFT_UPDATE_DOCS=1 and look at the difference";
    assert_eq!(names(&published), names(&written), "{what_to_do}");
    for (name, text) in &written {
        let difference = similar::TextDiff::from_lines(&published[name], text);
        assert!(published[name] == *text, "{what_to_do}:\n{name}\n{}", difference.unified_diff());
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).unwrap_or_default()
}

/// Returns every page with its name below `docs/`.
fn pages() -> BTreeMap<String, String> {
    let top = help(&[]);
    let commands = commands_in(&top);
    assert!(commands.len() > 5, "the commands are not seen in:\n{top}");
    let mut index = String::from(
        "# Commands\n\n\
         These pages are written by `SEALIFT_UPDATE_DOCS=1 cargo test --test docs the_published` from what `--help` says.\n\n\
         | | |\n|---|---|\n",
    );
    let mut pages = BTreeMap::new();
    for command in commands {
        let mut page = String::new();
        let about = section(&[&command], 1, &mut page);
        writeln!(index, "| [sealift {command}](commands/{command}.md) | {about} |").unwrap();
        pages.insert(format!("commands/{command}.md"), page);
    }
    let (usage, rest) = top.split_once("\nCommands:\n").unwrap();
    let options = rest.split_once("\n\n").unwrap().1;
    write!(index, "\n## For every command\n\n```text\n{}\n\n{}\n```\n", usage.trim_end(), options.trim_end())
        .unwrap();
    pages.insert("commands.md".to_owned(), index);
    pages
}

/// Writes what there is to say of a command and of those below it. Returns what it does, in one sentence.
fn section(command: &[&str], level: usize, page: &mut String) -> String {
    let help = help(command);
    let (about, rest) = help.split_once("Usage: ").unwrap();
    let (usage, examples) = rest.split_once(EXAMPLES).unwrap_or((rest, ""));
    let name = command.join(" ");
    let heading = "#".repeat(level);
    write!(
        page,
        "{heading} sealift {name}\n\n{}\n\n```text\nUsage: {}\n```\n",
        about.trim_end(),
        usage.trim_end()
    )
    .unwrap();
    let below = commands_in(&help);
    assert!(!examples.is_empty() || !below.is_empty(), "the help of `sealift {name}` has no examples");
    if !examples.is_empty() {
        let lines: Vec<&str> =
            examples.trim_end().lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        write!(page, "\n{heading}# Examples\n\n```sh\n{}\n```\n", lines.join("\n")).unwrap();
    }
    for sub in below {
        page.push('\n');
        section(&[command, &[sub.as_str()]].concat(), level + 1, page);
    }
    let first = about.split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn help(command: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sealift"));
    let output = program.env_clear().args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Reads the names in the list of commands that `--help` shows.
fn commands_in(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    // A line that goes on with the one above it is indented more.
    let begun = list.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    begun
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(ToOwned::to_owned)
        .collect()
}
