//! The Clusterfiles of `testdata/kubeadm/clusterfiles`. A line `# kubernetes: 27-32` in one says for which minors it is meant; a file
//! NAME.facts.yaml beside it is what is known of its machines.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The one that all others are compared with.
pub(crate) const PLAIN: &str = "plain";

/// A Clusterfile.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) clusterfile: PathBuf,
    pub(crate) facts: Option<PathBuf>,
    minors: RangeInclusive<u64>,
}

/// Returns all that are meant for a release.
pub(crate) fn of(version: &str) -> Vec<Case> {
    let minor: u64 = version.split('.').nth(1).unwrap().parse().unwrap();
    let files = fs::read_dir(root().join("clusterfiles")).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<Case> = files.filter_map(read).filter(|case| case.minors.contains(&minor)).collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

/// Where everything is that these tests read.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kubeadm")
}

fn read(clusterfile: PathBuf) -> Option<Case> {
    let name = clusterfile.file_name()?.to_str()?.strip_suffix(".yaml")?.to_owned();
    if name.strip_suffix(".facts").is_some() {
        return None;
    }
    let text = fs::read_to_string(&clusterfile).unwrap();
    let minors =
        text.lines().find_map(|line| line.strip_prefix("# kubernetes: ")).map_or(0..=u64::MAX, range);
    let facts = clusterfile.with_file_name(format!("{name}.facts.yaml"));
    Some(Case { name, clusterfile, facts: facts.exists().then_some(facts), minors })
}

/// Reads `27-32`, `27-` or `-32`.
fn range(written: &str) -> RangeInclusive<u64> {
    let (from, to) = written.split_once('-').unwrap();
    let number = |text: &str, open: u64| if text.is_empty() { open } else { text.parse().unwrap() };
    number(from, 0)..=number(to, u64::MAX)
}
