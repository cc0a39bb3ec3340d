//! What Clusterfiles declare: files, directories of them, and what comes in on standard input.

use std::fs;
use std::path::{Path, PathBuf};

use crate::clusterfile::{self, Overrides, Source};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::Declared;

/// Which files there are in a directory.
const EXTENSIONS: [&str; 2] = ["yaml", "yml"];

/// Where a declaration is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// What was read from standard input.
    StandardInput(Vec<u8>),
    /// A file, or a directory whose `*.yaml` and `*.yml` are read in the order of their names.
    Path(PathBuf),
}

/// A declaration as the command line has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusterfile {
    /// Where it is written; what comes later is laid over.
    pub places: Vec<Place>,
    /// What the command line says over it.
    pub overrides: Overrides,
}

impl Clusterfile {
    /// Returns how the files are called in one word: `Clusterfile`, `prod/`, `-`.
    pub(in crate::ops) fn called(&self) -> String {
        let names = self.places.iter().map(|place| match place {
            Place::StandardInput(_) => "-".to_owned(),
            Place::Path(path) => path.display().to_string(),
        });
        names.collect::<Vec<_>>().join(" ")
    }

    /// Returns the paths as later commands can use them; none where it came in on standard input.
    pub(in crate::ops) fn paths(&self) -> Vec<PathBuf> {
        let absolute = self.places.iter().map(|place| match place {
            Place::StandardInput(_) => None,
            Place::Path(path) => std::path::absolute(path).ok(),
        });
        absolute.collect::<Option<_>>().unwrap_or_default()
    }
}

/// Reads a declaration; all that is wrong with it is told at once.
pub(in crate::ops) fn file(clusterfile: &Clusterfile) -> Result<Declared, Problems> {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for place in &clusterfile.places {
        match read(place) {
            Ok(found) => sources.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems)?;
    clusterfile::load(&sources, &clusterfile.overrides)
}

fn read(place: &Place) -> Result<Vec<Source>> {
    match place {
        Place::StandardInput(text) => Ok(vec![Source { name: "-".to_owned(), text: text.clone() }]),
        Place::Path(path) if path.is_dir() => directory(path)?.iter().map(|path| source(path)).collect(),
        Place::Path(path) => Ok(vec![source(path)?]),
    }
}

fn source(path: &Path) -> Result<Source> {
    let text = fs::read(path).problem_with(Class::Config, || format!("cannot read {}", path.display()));
    let text = text.map_err(|problem| {
        if path.exists() { problem } else { problem.remedy("name the file with -f, `-` for standard input") }
    })?;
    Ok(Source { name: path.display().to_string(), text })
}

/// Returns the files of a directory that declare something, in the order of their names.
fn directory(path: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read the directory {}", path.display());
    let entries = fs::read_dir(path).problem_with(Class::Config, unreadable)?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.problem_with(Class::Config, unreadable)?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let named = file.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known));
        if named && !hidden && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Problem::new(Class::Config, format!("no *.yaml and no *.yml is in {}", path.display())));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_in_the_order_of_names() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yaml", "c.txt", ".d.yaml"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        fs::create_dir(directory.path().join("e.yaml")).unwrap();
        let texts: Vec<_> = read(&Place::Path(directory.path().to_owned()))
            .unwrap()
            .into_iter()
            .map(|source| String::from_utf8(source.text).unwrap())
            .collect();
        assert_eq!(texts, ["a.yaml", "b.yml"]);
    }

    #[test]
    fn a_directory_without_files_is_no_empty_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let places =
            vec![Place::Path(directory.path().to_owned()), Place::Path("/nowhere/Clusterfile".into())];
        let problems = file(&Clusterfile { places, overrides: Overrides::default() }).unwrap_err();
        assert_eq!(problems.list().len(), 2, "{problems}");
    }
}
