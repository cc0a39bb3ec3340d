//! Every file of `testdata/clusterfiles/bad/` with what is told of it, which stands beside it in `NAME.expected`.
//!
//! `SEALIFT_UPDATE_CLUSTERFILES=1` writes the expectations; each is read by a person before it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sealift::clusterfile::{Overrides, Source, load};
use sealift::error::Problem;

use crate::made;

/// So many files there are at least.
const AT_LEAST: usize = 200;

#[test]
fn every_bad_file_is_told_as_its_author_needs_it() {
    let update = std::env::var_os("SEALIFT_UPDATE_CLUSTERFILES").is_some();
    let cases = cases();
    assert!(cases.len() >= AT_LEAST, "{} files", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let told = case.told();
        if update {
            fs::write(&case.expected, &told).unwrap();
        } else if fs::read_to_string(&case.expected).ok().as_ref() != Some(&told) {
            let _ = writeln!(wrong, "--- {}\n{told}", case.name);
        }
    }
    assert!(wrong.is_empty(), "these are told otherwise than their .expected has it:\n{wrong}");
}

/// A person who sees one message must be able to act on it: it has a place, and what to do.
#[test]
fn every_problem_has_a_place_and_a_remedy() {
    for case in cases() {
        for problem in case.problems() {
            assert!(problem.message.contains(':'), "{}: {}", case.name, problem.message);
            assert!(!problem.seen.is_empty(), "{}: {}", case.name, problem.message);
            assert!(!problem.remedies.is_empty(), "{}: {}", case.name, problem.message);
            assert!(!problem.message.ends_with('.'), "{}: {}", case.name, problem.message);
        }
    }
}

/// Different causes have different words: no message, without its place, is told for more than a few files.
#[test]
fn messages_are_specific() {
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases() {
        for problem in case.problems() {
            files.entry(without_place(&problem.message)).or_default().insert(case.name.clone());
        }
    }
    let common: Vec<_> = files.iter().filter(|(_, files)| files.len() > 5).collect();
    assert!(common.is_empty(), "{common:#?}");
}

#[test]
fn no_secret_is_told() {
    for case in cases() {
        let told = case.told();
        assert!(!told.contains("hunter2"), "{}: {told}", case.name);
    }
}

/// A file, or several that are read together.
struct Case {
    name: String,
    sources: Vec<Source>,
    overrides: Overrides,
    expected: PathBuf,
}

impl Case {
    /// Everything that is told: what makes the file unusable, or else what a plan is refused for, and warnings.
    fn problems(&self) -> Vec<Problem> {
        match load(&self.sources, &self.overrides) {
            Err(problems) => problems.list().to_vec(),
            Ok(declared) => declared.not_acted_on.into_iter().chain(declared.warnings).collect(),
        }
    }

    fn told(&self) -> String {
        let heading = match load(&self.sources, &self.overrides) {
            Err(_) => "error",
            Ok(declared) if !declared.not_acted_on.is_empty() => "not acted on",
            Ok(declared) if !declared.warnings.is_empty() => "warning",
            Ok(_) => return format!("{} is a good file\n", self.name),
        };
        self.problems().iter().map(|problem| told(heading, problem)).collect::<Vec<_>>().join("\n")
    }
}

fn told(heading: &str, problem: &Problem) -> String {
    let mut text = format!("{heading}: {}\n", problem.message);
    for line in problem.seen.iter().flat_map(|seen| seen.lines()) {
        let _ = writeln!(text, "    {}", line.trim_end());
    }
    for remedy in &problem.remedies {
        let _ = writeln!(text, "  hint: {remedy}");
    }
    text
}

/// The message without `file:line:column:`.
fn without_place(message: &str) -> String {
    message.split_once(": ").map_or(message, |(_, rest)| rest).to_owned()
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/clusterfiles/bad");
    let mut paths: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_case = |path: &PathBuf| path.is_dir() || path.extension().is_none_or(|end| end != "expected");
    paths.into_iter().filter(is_case).map(|path| case(&path)).collect()
}

fn case(path: &Path) -> Case {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut overrides = Overrides::default();
    let sources = if path.is_dir() {
        let mut files: Vec<PathBuf> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().filter(|file| !file.ends_with("set")).map(|file| source(file)).collect()
    } else if path.extension().is_some_and(|end| end == "recipe") {
        vec![Source { name: name.clone(), text: made::from_recipe(&fs::read_to_string(path).unwrap()) }]
    } else {
        vec![source(path)]
    };
    if let Ok(set) = fs::read_to_string(path.join("set")) {
        overrides.set = set
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .map(|(a, b)| (a.into(), b.into()))
            .collect();
    }
    Case { expected: path.with_extension("expected"), name, sources, overrides }
}

fn source(path: &Path) -> Source {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    Source { name, text: fs::read(path).unwrap() }
}
