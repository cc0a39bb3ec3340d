//! Where mutations begin: every Clusterfile of the tests, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

/// A larger file would be read all the time and mutated hardly anywhere.
const LARGEST: usize = 64 * 1024;

/// The files.
pub(crate) struct Corpus {
    pub(crate) files: Vec<Vec<u8>>,
}

impl Corpus {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/clusterfiles");
        let mut paths = Vec::new();
        for directory in ["good", "bad"] {
            gather(&root.join(directory), &mut paths);
        }
        paths.sort();
        let read = paths.iter().map(|path| fs::read(path).unwrap());
        let files: Vec<_> = read.filter(|text| text.len() <= LARGEST).collect();
        assert!(files.len() > 200, "only {} files", files.len());
        Self { files }
    }
}

fn gather(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            paths.push(path);
        }
    }
}
