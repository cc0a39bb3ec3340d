//! What lies in an image's tree: the names of its files, and the texts of those that are small enough to be looked into.
//!
//! Layers are read once; what was found is kept in `facts/` beside what else is known of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Read as _};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use tar::EntryType;

use super::Store;
use crate::configs::{File, Tree};
use crate::error::{Class, Context as _, Result};
use crate::image::layer::{LayerEntry, REGISTRY_DIRECTORY, walk};
use crate::model::{LayerContent, LayerInfo};

/// The largest file that is looked into, bytes.
const LARGEST: u64 = 1 << 20;

/// How many bytes of texts are kept of one layer.
const MOST: usize = 64 << 20;

/// How hard what is kept is compressed: texts shrink well, and are read more often than written.
const COMPRESSION: i32 = 3;

/// The names by which a layer says that something of lower layers is gone (OCI image specification, layer.md, "Whiteouts").
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// What a layer says of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Said {
    /// A text.
    Text(String),
    /// A file that is larger than what is looked into.
    Large,
    /// A file that is no text.
    Binary,
    /// A symbolic link, a device or the like.
    Link,
    /// Another name for a file of the same layer.
    SameAs(String),
    /// A directory.
    Directory,
    /// It is gone from lower layers.
    Gone,
    /// All that lower layers have below it is gone.
    Emptied,
}

impl Store {
    /// Returns the files of the tree that `layers` make, the lowest first, without those below `registry/`; `None` when a layer
    /// is not in the store.
    pub fn files(&self, layers: &[&LayerInfo]) -> Result<Option<Tree>> {
        let mut tree = Tree::new();
        for layer in layers.iter().filter(|layer| layer.content != LayerContent::Registry) {
            if !self.has_blob(&layer.digest) {
                return Ok(None);
            }
            lay(&mut tree, self.said_by(layer)?);
        }
        Ok(Some(tree))
    }

    /// Returns what a layer says, from an earlier look or by looking at it now.
    fn said_by(&self, layer: &LayerInfo) -> Result<Vec<(String, Said)>> {
        let path = self.facts_path(&layer.digest).with_extension("files");
        let kept = fs::File::open(&path).ok().and_then(|file| {
            let reader = zstd::Decoder::new(file).ok()?;
            serde_json::from_reader(BufReader::new(reader)).ok()
        });
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let mut said = Vec::new();
        let mut room = MOST;
        walk(self.read_blob(&layer.digest)?, layer.compression, |path, entry| {
            said.extend(say(path, entry, &mut room)?);
            Ok(())
        })?;
        let unwritten = || format!("cannot write {}", path.display());
        let text = serde_json::to_vec(&said).problem_with(Class::Internal, unwritten)?;
        let packed =
            zstd::encode_all(text.as_slice(), COMPRESSION).problem_with(Class::Machine, unwritten)?;
        self.write_file(&path, &packed)?;
        Ok(said)
    }
}

/// Tells what one entry of a layer says; nothing of what is below `registry/`.
fn say(path: &Path, entry: &mut LayerEntry<'_, '_>, room: &mut usize) -> io::Result<Option<(String, Said)>> {
    let Some(name) = plain(path).filter(|name| name.split('/').next() != Some(REGISTRY_DIRECTORY)) else {
        return Ok(None);
    };
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
    if file == OPAQUE {
        return Ok(Some((folder.to_owned(), Said::Emptied)));
    }
    if let Some(gone) = file.strip_prefix(WHITEOUT) {
        let gone = if folder.is_empty() { gone.to_owned() } else { format!("{folder}/{gone}") };
        return Ok(Some((gone, Said::Gone)));
    }
    let said = match entry.header().entry_type() {
        EntryType::Directory => Said::Directory,
        EntryType::Regular | EntryType::Continuous if entry.size() > LARGEST => Said::Large,
        EntryType::Regular | EntryType::Continuous => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            match String::from_utf8(bytes) {
                Ok(text) if text.contains('\0') => Said::Binary,
                Ok(text) if text.len() > *room => Said::Large,
                Ok(text) => {
                    *room -= text.len();
                    Said::Text(text)
                }
                Err(_) => Said::Binary,
            }
        }
        EntryType::Link => match entry.link_name()?.as_deref().and_then(plain) {
            Some(target) => Said::SameAs(target),
            None => Said::Link,
        },
        _ => Said::Link,
    };
    Ok(Some((name, said)))
}

/// Returns a path as trees have it: from the root on, without `.`; `None` is the root itself, or what leaves it.
fn plain(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Lays a layer over a tree. What is gone is gone from below, wherever in the layer that is said.
fn lay(tree: &mut Tree, said: Vec<(String, Said)>) {
    for (path, what) in &said {
        match what {
            Said::Gone => remove(tree, path),
            // A file takes the place of a directory, and a directory that of a file.
            Said::Directory => drop(tree.remove(path)),
            _ => remove_below(tree, path),
        }
    }
    let mut own: BTreeMap<String, File> = BTreeMap::new();
    for (path, what) in said {
        let file = match what {
            Said::Text(text) => File::Text(text),
            Said::Large => File::Other("larger than 1 MiB"),
            Said::Binary => File::Other("no text"),
            Said::Link => File::Other("a symbolic link"),
            Said::SameAs(target) => match own.get(&target).or_else(|| tree.get(&target)) {
                Some(file) => file.clone(),
                None => File::Other("a link"),
            },
            Said::Directory | Said::Gone | Said::Emptied => continue,
        };
        own.insert(path, file);
    }
    tree.append(&mut own);
}

fn remove(tree: &mut Tree, path: &str) {
    tree.remove(path);
    remove_below(tree, path);
}

fn remove_below(tree: &mut Tree, path: &str) {
    let below = if path.is_empty() { String::new() } else { format!("{path}/") };
    tree.retain(|name, _| !name.starts_with(&below));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Said {
        Said::Text(text.to_owned())
    }

    fn laid(layers: &[&[(&str, Said)]]) -> Vec<(String, File)> {
        let mut tree = Tree::new();
        for layer in layers {
            lay(&mut tree, layer.iter().map(|(path, said)| ((*path).to_owned(), said.clone())).collect());
        }
        tree.into_iter().collect()
    }

    #[test]
    fn upper_layers_replace_and_remove_what_lower_ones_have() {
        let lower: &[_] = &[
            ("etc", Said::Directory),
            ("etc/a", text("1")),
            ("etc/b", text("1")),
            ("etc/deep/c", text("1")),
            ("charts/x/y", text("1")),
            ("manifests/d", text("1")),
        ];
        let upper: &[_] = &[
            ("etc/a", text("2")),
            ("etc/b", Said::Gone),
            ("etc/deep", Said::Gone),
            ("charts/x", text("a file now")),
            ("manifests/e", text("2")),
            ("manifests", Said::Emptied),
            ("opt/f", Said::SameAs("etc/a".to_owned())),
            ("opt/g", Said::Binary),
        ];
        let file = |text: &str| File::Text(text.to_owned());
        let expected = [
            ("charts/x", file("a file now")),
            ("etc/a", file("2")),
            ("manifests/e", file("2")),
            ("opt/f", file("2")),
            ("opt/g", File::Other("no text")),
        ];
        assert_eq!(laid(&[lower, upper]), expected.map(|(path, file)| (path.to_owned(), file)));
    }

    #[test]
    fn paths_are_told_from_the_root_on() {
        for (path, expected) in [
            ("./etc/a", Some("etc/a")),
            ("/etc/a", Some("etc/a")),
            (".", None),
            ("../a", None),
            ("a/../b", None),
        ] {
            assert_eq!(plain(Path::new(path)).as_deref(), expected, "{path}");
        }
    }
}
