//! Every file of `testdata/clusterfiles/good/`: what is declared by it, as a snapshot beside it.

use std::fs;
use std::path::{Path, PathBuf};

use sealift::clusterfile::{Overrides, Source, load};

#[test]
fn every_good_file_is_read() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in files() {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let declared = load(&[source(&path)], &overrides(&path));
            let mut declared = declared.unwrap_or_else(|problems| panic!("{problems}"));
            // They are as tedious as they are plain.
            declared.image_places.clear();
            insta::assert_snapshot!(name, said(&format!("{declared:#?}")));
        }
    });
}

/// Leaves out what is not said, so that what is said can be seen.
fn said(debug: &str) -> String {
    let nothing = regex::Regex::new(r"(?m)^ *\w+: (None|\[\]|\{\}|\w+ \{\n *\}),\n").unwrap();
    let mut text = debug.to_owned();
    while nothing.is_match(&text) {
        text = nothing.replace_all(&text, "").into_owned();
    }
    let one = regex::Regex::new(r"\(\n +([^\n]+),\n +\)").unwrap();
    one.replace_all(&text, "($1)").into_owned()
}

/// All good files.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    files
}

/// A file as the loader takes it.
pub(crate) fn source(path: &Path) -> Source {
    Source { name: path.file_name().unwrap().to_str().unwrap().to_owned(), text: fs::read(path).unwrap() }
}

/// Values for a file that is a template.
pub(crate) fn overrides(path: &Path) -> Overrides {
    let template = path.file_stem().is_some_and(|name| name.to_str().unwrap().ends_with("template"));
    let set = [("masters.first", "10.0.0.1"), ("workers", "3"), ("debug", "true")];
    let set = set.map(|(path, value)| (path.to_owned(), value.to_owned())).to_vec();
    if template { Overrides { set, ..Overrides::default() } } else { Overrides::default() }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/clusterfiles/good")
}
