//! Renderings as they are committed in `testdata/kubeadm/renderings`: a file for each release has those of the plain Clusterfile in
//! full, and of the others what they differ in. `cargo insta review` takes a change, and `make test-all PART=kubeadm` shows it to kubeadm.

use std::collections::BTreeMap;
use std::fmt::Write;

use similar::TextDiff;

use super::cases::{self, Case};
use super::home::File;

/// Compares what is rendered for a release with what is committed.
pub(crate) fn compare(version: &str) {
    let rendered = super::rendered(version);
    let (plain, others): (Vec<_>, Vec<_>) = rendered.iter().partition(|(case, _)| case.name == cases::PLAIN);
    let plain = firsts(&plain[0].1);
    let mut told = String::new();
    for (command, text) in &plain {
        write!(told, "### {command}\n{text}").unwrap();
    }
    for (case, files) in others {
        told.push_str(&differences(case, files, &plain));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(cases::root().join("renderings"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(version, told));
}

/// Returns the first file of each command: the others differ in names and addresses.
fn firsts(files: &[File]) -> BTreeMap<&str, &str> {
    files.iter().rev().map(|file| (file.command.as_str(), file.text.as_str())).collect()
}

fn differences(case: &Case, files: &[File], plain: &BTreeMap<&str, &str>) -> String {
    let mut told = format!("\n## {}\n", case.name);
    for (command, text) in firsts(files) {
        let diff = TextDiff::from_lines(plain[command], text);
        if diff.ratio() < 1.0 {
            writeln!(told, "### {command}").unwrap();
        }
        for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
            // Without line numbers, which would all change with the plain one.
            let lines = hunk.to_string();
            told.push_str("@@\n");
            told.push_str(lines.split_once('\n').unwrap().1);
        }
    }
    told
}
