//! What a layer is made of: entries by their paths in the image.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::Digest;

/// The mode of a directory that nobody copied but something lies in.
const DIRECTORY_MODE: u32 = 0o755;

/// One file, directory or link of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Permission bits, with set-user-ID, set-group-ID and sticky bit.
    pub(crate) mode: u32,
    pub(crate) kind: EntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A directory.
    Directory,
    /// A file whose content is that of a file here, of that size in bytes.
    File { source: PathBuf, size: u64, digest: Option<Digest> },
    /// A small file whose content is known.
    Text(Vec<u8>),
    /// A symbolic link.
    Symlink(PathBuf),
}

/// The entries of a layer by path, relative to the image's root. A directory comes before what is in it.
pub(crate) type Entries = BTreeMap<PathBuf, Entry>;

/// Adds the directories that the entries lie in, except those which the image has already.
pub(crate) fn add_parents(entries: &mut Entries, known: &BTreeSet<PathBuf>) {
    let parents: BTreeSet<PathBuf> = entries
        .keys()
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|parent| !parent.as_os_str().is_empty() && !known.contains(*parent))
        .map(Path::to_owned)
        .collect();
    for parent in parents {
        entries.entry(parent).or_insert(Entry { mode: DIRECTORY_MODE, kind: EntryKind::Directory });
    }
}

/// Parts what lies in `registry/` from the rest, so that it can be a layer of its own.
pub(crate) fn part_registry(entries: Entries) -> (Entries, Entries) {
    entries.into_iter().partition(|(path, _)| !path.starts_with(crate::image::layer::REGISTRY_DIRECTORY))
}
