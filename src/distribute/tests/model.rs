//! A naive model: trees as flat maps, with the rules of layers written down once more, as simply as possible.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{major, minor};

use super::child::is_root;
use super::tarball::{Kind, Member};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// Mode, owner, group, time; none for markers and, as far as modes go, for symbolic links.
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) modified: i64,
    pub(super) attribute: Option<String>,
    /// Names with the same number are one file.
    pub(super) inode: u64,
}

/// A tree: every path but the root's is below one that is a directory. The root is the empty path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) items: BTreeMap<PathBuf, Item>,
    /// Directories that no member described.
    pub(super) implied: Vec<PathBuf>,
    next: u64,
}

impl Tree {
    /// Returns the tree an empty layer has.
    pub(super) fn empty_layer() -> Self {
        let mut tree = Self::default();
        tree.imply(Path::new(""));
        tree
    }

    /// Adds a member as the next of the layer, or returns false when it must be refused.
    pub(super) fn add(&mut self, member: &Member) -> bool {
        let path = PathBuf::from(&member.path);
        let parents: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
        for parent in parents.iter().rev() {
            match self.items.get(parent) {
                Some(item) if item.kind != Kind::Directory => return false,
                Some(_) => {}
                None => self.imply(parent),
            }
        }
        let marks = is_marker(&path);
        let mut item = Item {
            kind: member.kind.clone(),
            mode: member.mode,
            owner: if is_root() { member.owner } else { (0, 0) },
            modified: member.modified,
            attribute: member.attribute.clone(),
            inode: self.next,
        };
        self.next += 1;
        match &member.kind {
            Kind::Directory if marks => return false,
            Kind::Directory => {
                self.implied.retain(|implied| *implied != path);
                if self.items.get(&path).is_none_or(|there| there.kind != Kind::Directory) {
                    self.remove(&path);
                }
                self.items.insert(path, item);
                return true;
            }
            _ if marks => {}
            Kind::HardLink(target) if is_marker(Path::new(target)) => return false,
            Kind::HardLink(target) => match self.items.get(Path::new(target)) {
                Some(there) if there.kind != Kind::Directory && Path::new(target) != path => {
                    if Path::new(target).starts_with(&path) {
                        return false;
                    }
                    item = there.clone();
                }
                _ => return false,
            },
            Kind::Symlink(_) | Kind::Fifo | Kind::Character(..) => item.attribute = None,
            Kind::File(_) => {}
        }
        if marks {
            item = marker(item.inode);
        }
        self.remove(&path);
        self.items.insert(path, item);
        true
    }

    fn imply(&mut self, path: &Path) {
        let item = Item {
            kind: Kind::Directory,
            mode: 0o755,
            owner: (0, 0),
            modified: 0,
            attribute: None,
            inode: self.next,
        };
        self.next += 1;
        self.items.insert(path.to_owned(), item);
        self.implied.push(path.to_owned());
    }

    fn remove(&mut self, path: &Path) {
        self.items.retain(|other, _| !other.starts_with(path));
        self.implied.retain(|other| !other.starts_with(path));
    }

    /// Lays a layer over this tree.
    pub(super) fn lay(&mut self, layer: &Self) {
        for path in layer.items.keys() {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
            else {
                continue;
            };
            if name == ".wh..wh..opq" {
                self.items.retain(|other, _| other == parent || !other.starts_with(parent));
            } else if let Some(gone) = name.strip_prefix(".wh.") {
                self.remove(&parent.join(gone));
            }
        }
        let offset = self.next;
        for (path, item) in layer.items.iter().filter(|(path, _)| !is_marker(path)) {
            let there = self.items.get(path).map(|item| item.kind.clone());
            if (&item.kind, &there) == (&Kind::Directory, &Some(Kind::Directory)) {
                if layer.implied.contains(path) {
                    continue;
                }
            } else {
                self.remove(path);
            }
            let mut item = item.clone();
            item.inode += offset;
            self.items.insert(path.clone(), item);
        }
        self.next += layer.next;
        self.implied.clear();
    }

    /// Reads a tree from disk.
    pub(super) fn on_disk(root: &Path) -> Self {
        let mut tree = Self::default();
        for entry in walkdir::WalkDir::new(root) {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(root).unwrap().to_owned();
            let item = item_on_disk(entry.path());
            tree.items.insert(path.clone(), if is_marker(&path) { marker(item.inode) } else { item });
        }
        tree
    }

    /// Renames inodes by the first path that has them, so that trees of different origin can be compared.
    pub(super) fn comparable(&self) -> BTreeMap<PathBuf, (Item, PathBuf)> {
        let mut first = BTreeMap::new();
        for (path, item) in &self.items {
            first.entry(item.inode).or_insert_with(|| path.clone());
        }
        let named = |(path, item): (&PathBuf, &Item)| {
            let mut item = item.clone();
            let first = if item.kind == Kind::Directory { path } else { &first[&item.inode] };
            item.inode = 0;
            if matches!(item.kind, Kind::Symlink(_)) {
                item.mode = 0o777;
            }
            (path.clone(), (item, first.clone()))
        };
        self.items.iter().map(named).collect()
    }
}

fn is_marker(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".wh."))
}

fn marker(inode: u64) -> Item {
    Item { kind: Kind::File(vec![]), mode: 0, owner: (0, 0), modified: 0, attribute: None, inode }
}

fn item_on_disk(path: &Path) -> Item {
    let status = path.symlink_metadata().unwrap();
    let kind = if status.is_dir() {
        Kind::Directory
    } else if status.is_file() {
        Kind::File(fs::read(path).unwrap())
    } else if status.is_symlink() {
        Kind::Symlink(fs::read_link(path).unwrap().to_str().unwrap().into())
    } else if status.file_type().is_fifo() {
        Kind::Fifo
    } else {
        Kind::Character(major(status.rdev()), minor(status.rdev()))
    };
    let attribute = match kind {
        Kind::Directory | Kind::File(_) => {
            let mut value = Vec::with_capacity(1000);
            rustix::fs::getxattr(path, "user.sealift", rustix::buffer::spare_capacity(&mut value))
                .ok()
                .map(|_| String::from_utf8(value).unwrap())
        }
        _ => None,
    };
    Item {
        kind,
        mode: status.mode() & 0o7777,
        owner: if is_root() { (status.uid(), status.gid()) } else { (0, 0) },
        modified: status.mtime(),
        attribute,
        inode: status.ino(),
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just("a"), 6 => Just("b"), 4 => Just("c d"), 1 => Just("é")]
}

fn last_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => name(),
        2 => prop_oneof![Just(".wh.a"), Just(".wh.b"), Just(".wh.c d")],
        1 => Just(".wh..wh..opq"),
    ]
}

fn path() -> impl Strategy<Value = String> {
    (prop::collection::vec(name(), 0..3), last_name()).prop_map(|(mut names, last)| {
        names.push(last);
        names.join("/")
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Directory),
        6 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Kind::File),
        1 => Just(Kind::File(vec![7; 1024 * 1024 + 1])),
        2 => prop_oneof![Just("a"), Just("../.."), Just("/etc"), Just("b/nowhere")]
            .prop_map(|target| Kind::Symlink(target.into())),
        3 => path().prop_map(Kind::HardLink),
        1 => Just(Kind::Fifo),
    ]
}

/// Any member with a harmless path.
pub(super) fn member() -> impl Strategy<Value = Member> {
    let modes = prop_oneof![Just(0o644), Just(0o755), Just(0o4755), Just(0o2700), Just(0o1777), Just(0)];
    let attribute = prop::option::weighted(0.2, prop_oneof![Just("one".to_owned()), Just("two".to_owned())]);
    (path(), kind(), modes, (0..3_u32, 0..3_u32), -5..2_000_000_000_i64, attribute).prop_map(
        |(path, kind, mode, owner, modified, attribute)| Member {
            path,
            kind,
            mode,
            owner,
            modified,
            attribute,
        },
    )
}

/// A layer: its members, those that must be refused left out, and its tree.
pub(super) fn layer() -> impl Strategy<Value = (Vec<Member>, Tree)> {
    prop::collection::vec(member(), 0..14).prop_map(|members| {
        let mut tree = Tree::empty_layer();
        let mut kept = Vec::new();
        for member in members {
            let mut attempt = tree.clone();
            if attempt.add(&member) {
                tree = attempt;
                kept.push(member);
            }
        }
        (kept, tree)
    })
}
