//! The pages of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// A page in Markdown.
pub(crate) struct Page {
    /// Its path in the repository.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) text: String,
}

/// A line of a page.
pub(crate) struct Line<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// Its text.
    pub(crate) text: &'a str,
    /// Whether it is prose, or in a fenced block.
    pub(crate) place: Place,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Prose,
    /// In a fenced block for a shell.
    Shell,
    /// In another fenced block.
    Block,
}

impl Page {
    /// Returns its lines, without the fences.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        let mut place = Place::Prose;
        let mut lines = vec![];
        for (index, text) in self.text.lines().enumerate() {
            if let Some(language) = text.trim_start().strip_prefix("```") {
                place = match (place, language.trim()) {
                    (Place::Prose, "sh" | "bash") => Place::Shell,
                    (Place::Prose, _) => Place::Block,
                    _ => Place::Prose,
                };
            } else {
                lines.push(Line { number: index + 1, text, place });
            }
        }
        lines
    }
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every page, but those of what was fetched or built.
pub(crate) fn all() -> Vec<Page> {
    let mut pages: Vec<Page> = entries(repository()).into_iter().filter_map(page).collect();
    for directory in ["docs", "images", "vagrant"] {
        collect(&repository().join(directory), &mut pages);
    }
    assert!(pages.len() > 10, "the pages are not seen");
    pages
}

fn collect(directory: &Path, pages: &mut Vec<Page>) {
    for path in entries(directory) {
        let built = path.file_name().is_some_and(|name| name == "parts" || name == "go");
        if path.is_dir() && !built {
            collect(&path, pages);
        } else {
            pages.extend(page(path));
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn page(path: PathBuf) -> Option<Page> {
    path.extension().filter(|extension| *extension == "md")?;
    let text = fs::read_to_string(&path).ok()?;
    Some(Page { path, text })
}
