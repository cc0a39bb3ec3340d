//! What the build needs to know of an image's merged tree: its directories, its lists of images, and what its
//! registry holds already.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::entry::{Entries, EntryKind};
use crate::error::{Class, Context, Result};
use crate::image::layer::{self, REGISTRY_DIRECTORY};
use crate::image::store::{Image, Store};

/// The largest list or manifest that is read, in bytes; a bundle of CRDs has a few megabytes.
const LARGEST_LIST: u64 = 32 * 1024 * 1024;

/// Marks a path that an upper layer deletes.
const WHITEOUT: &str = ".wh.";
/// Marks a directory whose content in lower layers is deleted.
const OPAQUE: &str = ".wh..wh..opq";

/// The parts of a merged tree that a build looks at.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// All directories outside `registry/`.
    pub(crate) directories: BTreeSet<PathBuf>,
    /// The files that name images, with their content.
    pub(crate) lists: BTreeMap<PathBuf, Vec<u8>>,
    /// The paths of all files in `registry/`.
    pub(crate) registry: BTreeSet<PathBuf>,
}

impl Tree {
    /// Reads the tree of an image.
    pub(crate) fn of_image(store: &Store, image: &Image) -> Result<Self> {
        let mut tree = Self::default();
        for layer in &image.layers {
            layer::walk(store.read_blob(&layer.digest)?, layer.compression, |path, entry| {
                let kind = entry.header().entry_type();
                let size = entry.size();
                tree.entry(&clean(path), kind.is_dir(), size, entry)
            })
            .map_err(|problem| {
                problem.saw(format!("the layer {} of the image `{}`", layer.digest, image.name))
            })?;
        }
        Ok(tree)
    }

    /// Lays the entries of a new layer over the tree.
    pub(crate) fn add(&mut self, entries: &Entries) -> Result<()> {
        for (path, entry) in entries {
            let added = match &entry.kind {
                EntryKind::Directory => self.entry(path, true, 0, &mut io::empty()),
                EntryKind::Symlink(_) => Ok(()),
                EntryKind::Text(text) => self.entry(path, false, text.len() as u64, &mut text.as_slice()),
                EntryKind::File { source, size, .. } if names_images(path) => {
                    fs::File::open(source).and_then(|mut file| self.entry(path, false, *size, &mut file))
                }
                EntryKind::File { size, .. } => self.entry(path, false, *size, &mut io::empty()),
            };
            added.problem_with(Class::Config, || format!("cannot read {}", path.display()))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        is_directory: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == OPAQUE {
            self.delete(path.parent().unwrap_or(path), Deletion::Content);
        } else if let Some(deleted) = name.strip_prefix(WHITEOUT) {
            self.delete(&path.with_file_name(deleted), Deletion::Whole);
        } else if path.starts_with(REGISTRY_DIRECTORY) {
            if !is_directory {
                self.registry.insert(path.to_owned());
            }
        } else if is_directory {
            self.directories.insert(path.to_owned());
        } else {
            self.directories.remove(path);
            if names_images(path) {
                self.lists.insert(path.to_owned(), read_list(size, content)?);
            }
        }
        Ok(())
    }

    fn delete(&mut self, path: &Path, deletion: Deletion) {
        let stays = |other: &Path| match deletion {
            Deletion::Whole => !other.starts_with(path),
            Deletion::Content => other == path || !other.starts_with(path),
        };
        self.directories.retain(|other| stays(other));
        self.registry.retain(|other| stays(other));
        self.lists.retain(|other, _| stays(other));
    }
}

#[derive(Clone, Copy)]
enum Deletion {
    Whole,
    Content,
}

fn read_list(size: u64, content: &mut dyn Read) -> io::Result<Vec<u8>> {
    if size > LARGEST_LIST {
        return Err(io::Error::other("the file is too large to be a list of images or a manifest"));
    }
    let mut text = Vec::new();
    content.take(LARGEST_LIST).read_to_end(&mut text)?;
    Ok(text)
}

/// Makes a tar's path relative to the image's root.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|component| matches!(component, Component::Normal(_))).collect()
}

/// Tells whether a file's content names images: `images/shim/*`, `images/skopeo/tar.txt`, sealer's `manifests/imageList`, and
/// manifests.
fn names_images(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    path.parent() == Some(Path::new("images/shim"))
        || path == Path::new("images/skopeo/tar.txt")
        || path == Path::new("manifests/imageList")
        || (path.starts_with("manifests") && matches!(extension, "yaml" | "yml" | "tmpl"))
}
