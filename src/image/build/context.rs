//! COPY: from sources in the context to entries of a layer.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::entry::{Entries, Entry, EntryKind};
use super::ignore::{self, Ignored};
use crate::error::{Class, Context as _, Problem, Result};
use crate::image::kubefile::Copy;

/// The directory an image is built from.
#[derive(Debug)]
pub(crate) struct BuildContext {
    /// Its path, without links, so that what leads out of it can be seen.
    root: PathBuf,
    ignored: Ignored,
}

impl BuildContext {
    /// Opens the directory and reads what is to be ignored in it.
    ///
    /// `.sealignore` is read, or else `.dockerignore`, by Docker's rules.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let root = fs::canonicalize(path)
            .problem_with(Class::Config, || format!("there is no directory {} to build", path.display()))?;
        if !root.is_dir() {
            return Err(Problem::new(Class::Config, format!("{} is not a directory", path.display()))
                .remedy("name the directory that holds the Kubefile"));
        }
        let ignored = Ignored::of_context(&root)?;
        Ok(Self { root, ignored })
    }

    /// Returns the directory's path without links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Follows one COPY. `known` are the directories that the image has before it.
    ///
    /// As in Dockerfiles, the content of a directory is copied and not the directory itself; a file goes into the
    /// destination if that is a directory or ends in a slash, and becomes it otherwise. Links inside a directory
    /// are kept as they are, a source that is a link itself is followed, and nothing outside the context is read.
    /// Owner, times and extended attributes are not kept.
    pub(crate) fn copy(&self, copy: &Copy, known: &BTreeSet<PathBuf>) -> Result<Entries> {
        let mut sources = Vec::new();
        for pattern in &copy.sources {
            sources.extend(self.sources(pattern)?);
        }
        let target = in_image(&copy.destination);
        let several = sources.len() > 1;
        if several && !is_directory_form(&copy.destination) {
            return Err(wrong(format!("several sources are copied to `{}`", copy.destination))
                .remedy(format!("end the destination in a slash: {}/", copy.destination)));
        }
        let into = is_directory_form(&copy.destination) || known.contains(&target);
        let mut entries = Entries::new();
        for source in sources {
            if source.real.is_dir() {
                self.directory(&source, &target, copy.mode, &mut entries)?;
            } else {
                let path = if into { target.join(&source.name) } else { target.clone() };
                entries.insert(path, self.entry(&source.real, copy.mode)?);
            }
        }
        Ok(entries)
    }

    /// Returns what a source names; a pattern may name several.
    fn sources(&self, pattern: &str) -> Result<Vec<Found>> {
        let relative = relative(pattern)?;
        if !pattern.contains(['*', '?', '[']) {
            return Ok(vec![self.found(&relative, pattern)?]);
        }
        let matcher = ignore::matcher(&relative.to_string_lossy())
            .problem_with(Class::Config, || format!("`{pattern}` is not a pattern"))?;
        let depth = relative.components().count();
        let mut found = Vec::new();
        for entry in WalkDir::new(&self.root).min_depth(depth).max_depth(depth).sort_by_file_name() {
            let entry = entry.problem(Class::Config, "cannot read the directory to build")?;
            let path = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            if matcher.is_match(path) && !self.ignored.ignores(path) {
                found.push(self.found(path, pattern)?);
            }
        }
        if found.is_empty() {
            return Err(wrong(format!("nothing in the directory matches `{pattern}`")));
        }
        Ok(found)
    }

    fn found(&self, relative: &Path, written: &str) -> Result<Found> {
        let ignored =
            !relative.as_os_str().is_empty() && self.ignored.is_final() && self.ignored.ignores(relative);
        let real = fs::canonicalize(self.root.join(relative)).ok().filter(|_| !ignored);
        let Some(real) = real else {
            let why = if ignored { "is ignored by .sealignore or .dockerignore" } else { "is not there" };
            return Err(wrong(format!("`{written}` {why}")).saw(format!("looked in {}", self.root.display())));
        };
        if !real.starts_with(&self.root) {
            return Err(
                wrong(format!("`{written}` leads out of the directory that is built")).saw(real.display())
            );
        }
        let name = relative.file_name().map(PathBuf::from).unwrap_or_default();
        Ok(Found { relative: relative.to_owned(), real, name })
    }

    fn directory(
        &self,
        source: &Found,
        target: &Path,
        mode: Option<u32>,
        entries: &mut Entries,
    ) -> Result<()> {
        let walk = WalkDir::new(&source.real).min_depth(1).into_iter();
        let is_skipped = |path: &Path| {
            let below = path.strip_prefix(&source.real).unwrap_or(path);
            self.ignored.ignores(&source.relative.join(below))
        };
        let descend = |entry: &walkdir::DirEntry| !(self.ignored.is_final() && is_skipped(entry.path()));
        for found in walk.filter_entry(descend) {
            let found = found.problem(Class::Config, "cannot read the directory to build")?;
            if is_skipped(found.path()) {
                continue;
            }
            let below = found.path().strip_prefix(&source.real).unwrap_or(found.path());
            entries.insert(target.join(below), self.entry(found.path(), mode)?);
        }
        Ok(())
    }

    fn entry(&self, path: &Path, mode: Option<u32>) -> Result<Entry> {
        let shown = || path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
        let metadata =
            fs::symlink_metadata(path).problem_with(Class::Config, || format!("cannot read {}", shown()))?;
        let own_mode = metadata.permissions().mode() & 0o7777;
        let kind = metadata.file_type();
        let (kind, mode) = if kind.is_symlink() {
            let target =
                fs::read_link(path).problem_with(Class::Config, || format!("cannot read {}", shown()))?;
            (EntryKind::Symlink(target), 0o777)
        } else if kind.is_dir() {
            (EntryKind::Directory, mode.unwrap_or(own_mode))
        } else if kind.is_file() {
            let file = EntryKind::File { source: path.to_owned(), size: metadata.len(), digest: None };
            (file, mode.unwrap_or(own_mode))
        } else {
            return Err(wrong(format!("`{}` is neither file, directory nor link", shown()))
                .remedy("remove it, or name it in .sealignore"));
        };
        Ok(Entry { mode, kind })
    }
}

/// A source that is there.
struct Found {
    /// Its path as written, relative to the context.
    relative: PathBuf,
    /// Where its content is, without links.
    real: PathBuf,
    /// The name it was written by.
    name: PathBuf,
}

fn wrong(message: String) -> Problem {
    Problem::new(Class::Config, message)
}

/// Makes a source relative to the context; it may not climb out of it.
fn relative(source: &str) -> Result<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(source).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                return Err(wrong(format!("`{source}` leads out of the directory that is built"))
                    .remedy("build the directory above, or move the file"));
            }
        }
    }
    Ok(path)
}

/// Makes a destination relative to the image's root.
fn in_image(destination: &str) -> PathBuf {
    let components = Path::new(destination).components();
    components.filter(|component| matches!(component, Component::Normal(_))).collect()
}

/// Tells whether a destination is written as a directory.
fn is_directory_form(destination: &str) -> bool {
    destination.ends_with('/') || destination == "." || destination.ends_with("/.")
}
