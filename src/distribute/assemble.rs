//! Makes an image's tree out of its unpacked layers and puts it where the old one was.
//!
//! The new tree is built beside the old one and exchanged with it by one rename, so that `target` always
//! is a whole tree. What has been pushed to the old tree's registry must not get lost, and a registry may be
//! taking pushes at that very time: the new tree gets what only the old one has below `registry/` before the
//! exchange, so that nothing is missing at any moment, and once more after it, for what came in between.
//! Between the two the old tree is called `.NAME.ready`; a later call that finds one finishes the work.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::distribute::beneath;
use crate::distribute::merge::Merge;
use crate::distribute::mounts;
use crate::distribute::registry::keep_pushed;
use crate::distribute::remove::{remove_tree, still_mounted};
use crate::distribute::store::LayerStore;
use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx;
use crate::model::Digest;

/// Makes `target` the tree of `layers` (diffIDs, the lowest first), in place of the tree that is there.
///
/// Files of 1 MiB and more share their blocks or inode with the layer; smaller ones are copies, free to be edited.
/// Of the old tree only what it alone has below `registry/` survives. A mount below `target` is a problem, and
/// nothing is changed. Waits while another caller assembles the same target.
pub fn assemble(layers: &[Digest], store: &LayerStore, target: &Path) -> Result<()> {
    let places = Places::of(target)?;
    let _only_one = fsx::lock(&places.lock)?;
    refuse_missing(layers, store)?;
    refuse_mounts(target)?;
    places.finish_earlier_attempt()?;
    places.build(layers, store)?;
    places.exchange(layers)?;
    places.retire_old()
}

/// Returns the layers `target` was last made of, or `None` where that is not known or it is not there.
pub fn assembled_from(target: &Path) -> Result<Option<Vec<Digest>>> {
    let places = Places::of_existing(target)?;
    if !target.is_dir() {
        return Ok(None);
    }
    let record = fsx::read_if_exists(&places.record)?;
    Ok(record.and_then(|record| serde_json::from_slice(&record).ok()))
}

/// Removes a tree, and with it all that `assemble` keeps beside it. Nothing there is fine too.
pub fn remove_assembled(target: &Path) -> Result<()> {
    let places = Places::of_existing(target)?;
    fsx::remove_if_exists(&places.record)?;
    for tree in [&places.target, &places.ready, &places.building] {
        remove_tree(tree)?;
    }
    fsx::remove_if_exists(&places.lock).map(drop)
}

/// The target and what stands beside it for a while.
struct Places {
    target: PathBuf,
    parent: PathBuf,
    /// A tree that is not whole.
    building: PathBuf,
    /// A whole tree: the new one before the exchange, the old one after it.
    ready: PathBuf,
    /// The diffIDs of the target, as a JSON list.
    record: PathBuf,
    lock: PathBuf,
}

impl Places {
    fn of(target: &Path) -> Result<Self> {
        let places = Self::of_existing(target)?;
        fsx::make_directory(&places.parent)?;
        Ok(places)
    }

    fn of_existing(target: &Path) -> Result<Self> {
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Problem::new(Class::Internal, "a tree cannot be the root directory"));
        };
        let beside = |suffix: &str| parent.join(format!(".{}.{suffix}", name.to_string_lossy()));
        Ok(Self {
            target: target.to_owned(),
            parent: parent.to_owned(),
            building: beside("building"),
            ready: beside("ready"),
            record: beside("layers"),
            lock: beside("lock"),
        })
    }

    /// A tree that is ready was either never exchanged, then carrying over what it has does no harm, or it is
    /// the old one, and this is what was left to do.
    fn finish_earlier_attempt(&self) -> Result<()> {
        remove_tree(&self.building)?;
        if self.ready.exists() { self.retire_old() } else { Ok(()) }
    }

    fn build(&self, layers: &[Digest], store: &LayerStore) -> Result<()> {
        let problem = || format!("cannot build {}", self.building.display());
        fs::create_dir(&self.building).problem_with(Class::Machine, problem)?;
        let root = beneath::open_root(&self.building).problem_with(Class::Machine, problem)?;
        let mut merge = Merge::new(root.as_fd());
        for diff_id in layers {
            merge.lay(&store.tree(diff_id), store.implied(diff_id)?)?;
        }
        if self.target.is_dir() {
            beneath::open_root(&self.target)
                .map_err(Into::into)
                .and_then(|old| keep_pushed(old.as_fd(), root.as_fd()))
                .problem(Class::Machine, "cannot keep what was pushed to the registry")?;
        }
        rustix::fs::syncfs(&root).problem_with(Class::Machine, problem)?;
        fs::rename(&self.building, &self.ready).problem_with(Class::Machine, problem)
    }

    fn exchange(&self, layers: &[Digest]) -> Result<()> {
        // The record may be missing where it is true, but must never be there where it is not.
        fsx::remove_if_exists(&self.record)?;
        fsx::sync_directory(&self.parent)?;
        swap(&self.ready, &self.target)
            .problem_with(Class::Machine, || format!("cannot put {} in place", self.target.display()))?;
        fsx::sync_directory(&self.parent)?;
        let record = serde_json::to_vec(layers).problem(Class::Internal, "cannot write a list of digests")?;
        fsx::write_atomically(&self.record, record, 0o644)
    }

    fn retire_old(&self) -> Result<()> {
        if self.target.is_dir() && self.ready.is_dir() {
            let keep = || -> std::io::Result<()> {
                let (old, new) = (beneath::open_root(&self.ready)?, beneath::open_root(&self.target)?);
                keep_pushed(old.as_fd(), new.as_fd())
            };
            keep().problem(Class::Machine, "cannot keep what was pushed to the registry")?;
        }
        remove_tree(&self.ready).map(drop)
    }
}

/// Exchanges two directories, or moves the first where the second is missing.
fn swap(new: &Path, old: &Path) -> rustix::io::Result<()> {
    match rustix::fs::renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Err(Errno::NOENT) => rustix::fs::renameat(CWD, new, CWD, old),
        // Some file systems cannot exchange: for a moment there is no tree.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let aside = new.with_extension("aside");
            rustix::fs::renameat(CWD, old, CWD, &aside)?;
            rustix::fs::renameat(CWD, new, CWD, old)?;
            rustix::fs::renameat(CWD, &aside, CWD, new)
        }
        other => other,
    }
}

fn refuse_missing(layers: &[Digest], store: &LayerStore) -> Result<()> {
    let missing = store.missing(layers);
    if missing.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(Class::Machine, "layers are missing")
        .remedy("run the same command again; it sends what is missing");
    Err(missing.iter().fold(problem, Problem::saw))
}

fn refuse_mounts(target: &Path) -> Result<()> {
    match mounts::mounts_below(target)? {
        mounts if mounts.is_empty() => Ok(()),
        mounts => Err(still_mounted(target, &mounts)),
    }
}
