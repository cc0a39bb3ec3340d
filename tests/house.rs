//! Holds the source to the map in `docs/architecture.md`: who may use whom, what a file looks like, who may print.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, from the top of the house to its ground: each may use those that stand after it. Some are drawn and still empty.
const ROOMS: [&str; 27] = [
    "cli",
    "ui",
    "ops",
    "agent",
    "steps",
    "engine",
    "cluster",
    "etcd",
    "distribute",
    "image",
    "ha",
    "provider",
    "remote",
    "wire",
    "plan",
    "quorum",
    "kubeadm",
    "clusterfile",
    "render",
    "configs",
    "template",
    "model",
    "redact",
    "yaml",
    "suggest",
    "fsx",
    "error",
];

/// Rooms whose thinking is tested without a machine: they do no I/O and know no clock.
const PURE_ROOMS: [&str; 7] = ["model", "template", "configs", "clusterfile", "kubeadm", "quorum", "plan"];

/// What only rooms that are not pure may name.
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::process",
    "std::env",
    "std::net::TcpStream",
    "tokio::",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "rand::",
];

/// Above this a file has more than one idea in it.
const MOST_LINES: usize = 800;
/// Above this it is on its way there.
const MANY_LINES: usize = 500;

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let mut wrong = String::new();
    for file in sources() {
        let Some(user) = file.room() else { continue };
        for (line, used) in uses(&file.text) {
            if !may_use(user, &used) {
                let _ = writeln!(wrong, "{}:{line}: `{user}` uses `{used}`", file.name());
            }
        }
    }
    assert!(wrong.is_empty(), "a room may use only those below it ({}):\n{wrong}", ROOMS.join(" > "));
}

#[test]
fn pure_rooms_have_no_io_and_no_clock() {
    let mut wrong = String::new();
    for file in sources().iter().filter(|file| !file.is_test()) {
        if !file.room().is_some_and(|room| PURE_ROOMS.contains(&room)) {
            continue;
        }
        for (line, text) in code_lines(before_tests(&file.text)) {
            for word in IMPURE.iter().filter(|word| text.contains(*word)) {
                let _ = writeln!(wrong, "{}:{line}: `{word}` in a pure room", file.name());
            }
        }
    }
    assert!(wrong.is_empty(), "these rooms are tested by table, snapshot and property:\n{wrong}");
}

#[test]
fn every_room_is_on_the_map() {
    let found: BTreeSet<String> =
        sources().iter().filter_map(|file| file.room().map(ToOwned::to_owned)).collect();
    let unknown: Vec<&String> = found.iter().filter(|room| !ROOMS.contains(&room.as_str())).collect();
    assert!(unknown.is_empty(), "say in ROOMS of tests/house.rs where these rooms are: {unknown:?}");

    let map = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let missing: Vec<&String> = found
        .iter()
        .filter(|room| !["/", ".rs"].iter().any(|end| map.contains(&format!("{room}{end}"))))
        .collect();
    assert!(missing.is_empty(), "docs/architecture.md does not tell what these rooms are for: {missing:?}");
}

#[test]
fn every_file_says_first_what_lives_in_it() {
    let silent: Vec<String> =
        sources().iter().filter(|file| !file.text.starts_with("//! ")).map(Source::name).collect();
    assert!(silent.is_empty(), "the first line of a file is `//! ` and its idea: {silent:?}");
}

#[test]
fn no_file_is_too_long() {
    let longer_than = |most: usize| -> Vec<String> {
        let long = sources().into_iter().map(|file| (file.name(), file.text.lines().count()));
        long.filter(|(_, lines)| *lines > most).map(|(name, lines)| format!("{name} ({lines})")).collect()
    };
    let too_long = longer_than(MOST_LINES);
    assert!(
        too_long.is_empty(),
        "over {MOST_LINES} lines: {too_long:?}; and over {MANY_LINES}, soon too long: {:?}",
        longer_than(MANY_LINES)
    );
}

#[test]
fn only_the_terminal_rooms_print() {
    let mut wrong = String::new();
    for file in sources().iter().filter(|file| !matches!(file.room(), Some("ui" | "cli"))) {
        for (line, text) in code_lines(&file.text) {
            if ["print!(", "println!(", "dbg!("].iter().any(|word| text.contains(word)) {
                let _ = writeln!(wrong, "{}:{line}: {}", file.name(), text.trim());
            }
        }
    }
    assert!(wrong.is_empty(), "only ui and cli write to the terminal:\n{wrong}");
}

/// The rules above are worth what their eyes are: these are things that they must see.
mod the_eyes {
    use super::*;

    #[test]
    fn see_every_form_of_a_use() {
        let text = "use crate::model::Role;\n\
                    use crate::{\n    fsx,\n    steps::{Blobs, State},\n};\n\
                    // use crate::ui::Table;\n\
                    fn f() -> crate::error::Result<()> { // not crate::cli\n\
                    pub(crate) fn g() {}\n";
        let seen: Vec<(usize, String)> = uses(text);
        let expected = [(1, "model"), (2, "fsx"), (2, "steps"), (7, "error")];
        assert_eq!(seen, expected.map(|(line, room)| (line, room.to_owned())));
    }

    #[test]
    fn tell_down_from_up() {
        assert!(may_use("cli", "ui") && may_use("ui", "ops") && may_use("agent", "ha"));
        assert!(may_use("plan", "kubeadm") && may_use("wire", "plan") && may_use("plan", "plan"));
        assert!(!may_use("ops", "ui") && !may_use("model", "plan") && !may_use("ha", "agent"));
        assert!(!may_use("plan", "attic"), "a room that is not on the map is no room");
    }

    #[test]
    fn part_code_from_its_tests() {
        assert_eq!(before_tests("a\n#[cfg(test)]\nmod tests {\n"), "a\n");
        assert_eq!(before_tests("a\n"), "a\n");
    }
}

/// Tells whether one room may use another.
fn may_use(user: &str, used: &str) -> bool {
    let floor = |name: &str| ROOMS.iter().position(|room| *room == name);
    match (floor(user), floor(used)) {
        (Some(user), Some(used)) => user <= used,
        _ => false,
    }
}

/// Returns every room that a text uses by `crate::`, with the line where the path begins.
fn uses(text: &str) -> Vec<(usize, String)> {
    let code: Vec<(usize, &str)> = code_lines(text).collect();
    let mut found = Vec::new();
    for (index, (number, line)) in code.iter().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            let after = &line[at + "crate::".len()..];
            if let Some(group) = after.strip_prefix('{') {
                let rest: String = code[index + 1..].iter().map(|(_, line)| *line).collect();
                found.extend(heads(&format!("{group}{rest}")).map(|room| (*number, room)));
            } else {
                found.extend(first_word(after).map(|room| (*number, room)));
            }
        }
    }
    found
}

/// Returns the first word of each path in a group, up to the brace that closes it.
fn heads(group: &str) -> impl Iterator<Item = String> {
    let mut depth = 0_usize;
    let mut outer = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ if depth == 0 => outer.push(c),
            _ => {}
        }
    }
    let heads: Vec<String> = outer.split(',').filter_map(|path| first_word(path.trim())).collect();
    heads.into_iter()
}

/// Returns the name of a module at the start of a path; types that the root of the crate could have are none.
fn first_word(path: &str) -> Option<String> {
    let word: String = path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    word.starts_with(|c: char| c.is_ascii_lowercase()).then_some(word)
}

/// Returns the lines without their comments, numbered from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| {
        let comment = if line.trim_start().starts_with("//") { Some(0) } else { line.find(" // ") };
        (index + 1, &line[..comment.unwrap_or(line.len())])
    })
}

/// Returns what stands before the tests of a file.
fn before_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]").map_or(text, |(before, _)| before)
}

/// A file of the program.
struct Source {
    /// Its path below `src/`.
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        format!("src/{}", self.path.display())
    }

    /// Returns the room that the file is in; the root of the crate and `main` are in none.
    fn room(&self) -> Option<&str> {
        let first = Path::new(self.path.components().next()?.as_os_str());
        let name = first.file_stem()?.to_str()?;
        (!["lib", "main"].contains(&name)).then_some(name)
    }

    /// Tells whether the whole file is a test or serves tests only.
    fn is_test(&self) -> bool {
        let named = |part: &str| ["tests", "tests.rs", "testing.rs", "snapshots"].contains(&part);
        self.path.components().any(|part| part.as_os_str().to_str().is_some_and(named))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let files = walkdir::WalkDir::new(&src).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"));
    files
        .map(|entry| Source {
            path: entry.path().strip_prefix(&src).unwrap().to_owned(),
            text: fs::read_to_string(entry.path()).unwrap(),
        })
        .collect()
}
