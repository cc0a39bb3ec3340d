//! Removing, with real mounts in a mount namespace of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use super::child;
use crate::distribute::assemble::assemble;
use crate::distribute::mounts::mounts_below;
use crate::distribute::remove::{empty_tree, remove_tree};
use crate::distribute::store::LayerStore;

#[test]
fn a_tree_goes_and_what_its_links_lead_to_stays() {
    let place = tempfile::tempdir().unwrap();
    let kept = place.path().join("kept");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("file"), "").unwrap();
    fs::create_dir_all(place.path().join("tree/a")).unwrap();
    symlink(&kept, place.path().join("tree/a/link")).unwrap();
    assert!(remove_tree(&place.path().join("tree")).unwrap());
    assert!(!remove_tree(&place.path().join("tree")).unwrap());
    assert!(!remove_tree(&place.path().join("never/was")).unwrap());
    symlink(&kept, place.path().join("link")).unwrap();
    assert!(empty_tree(&place.path().join("link")).is_err(), "a link is not followed");
    assert!(remove_tree(&place.path().join("link")).unwrap());
    assert!(kept.join("file").exists());
    empty_tree(&kept).unwrap();
    assert!(kept.is_dir() && !kept.join("file").exists());
}

#[test]
fn too_much_is_never_removed() {
    for path in ["/", "/var", "relative/path", "/var/lib/..", ""] {
        assert!(remove_tree(Path::new(path)).unwrap_err().message.contains("too much"), "{path}");
        assert!(empty_tree(Path::new(path)).unwrap_err().message.contains("too much"), "{path}");
    }
}

fn mount_tmpfs(at: &Path) {
    fs::create_dir_all(at).unwrap();
    mount("tmpfs", at, "tmpfs", MountFlags::empty(), None).unwrap();
}

#[test]
fn nothing_is_deleted_below_a_mount() {
    let Some(directory) = child::directory() else {
        if child::is_root() {
            let place = tempfile::tempdir().unwrap();
            let test = "distribute::tests::remove::nothing_is_deleted_below_a_mount";
            child::run(&["unshare", "--mount", "--propagation", "private"], test, place.path());
        }
        return;
    };
    let tree = directory.join("tree");
    let volume = tree.join("pods/a pod/volume");
    mount_tmpfs(&volume);
    fs::write(volume.join("data"), "of people").unwrap();
    fs::write(tree.join("first"), "").unwrap();
    mount_tmpfs(&volume.join("inner"));
    let bound = tree.join("zz bound");
    fs::create_dir(&bound).unwrap();
    let source = directory.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("data"), "of people").unwrap();
    mount_bind(&source, &bound).unwrap();

    let points: Vec<_> = mounts_below(&tree).unwrap().into_iter().map(|mount| mount.point).collect();
    assert_eq!(points, [volume.join("inner"), bound.clone(), volume.clone()]);
    for problem in [remove_tree(&tree).unwrap_err(), empty_tree(&tree).unwrap_err()] {
        assert_eq!(problem.seen.len(), 3, "{problem}");
        assert!(problem.seen[0].contains("a pod/volume/inner (tmpfs"), "{problem}");
    }
    assert!(tree.join("first").exists(), "nothing at all is deleted");

    // Were the table not read, the kernel would still stop it at the mounts.
    let root = crate::distribute::beneath::open_root(&directory).unwrap();
    let remove =
        || crate::distribute::beneath::remove_below(std::os::fd::AsFd::as_fd(&root), "tree".as_ref());
    remove().unwrap_err();
    assert!(volume.join("data").exists() && source.join("data").exists());

    let layers = directory.join("layers");
    let problem = assemble(&[], &LayerStore::open(&layers).unwrap(), &tree).unwrap_err();
    assert_eq!(problem.seen.len(), 3, "{problem}");

    for mounted in mounts_below(&tree).unwrap() {
        unmount(&mounted.point, UnmountFlags::empty()).unwrap();
    }
    assert!(remove_tree(&tree).unwrap());
    assert!(source.join("data").exists());

    // A disk of its own is emptied and stays.
    mount_tmpfs(&tree);
    fs::create_dir(tree.join("member")).unwrap();
    assert_eq!(remove_tree(&tree).unwrap_err().seen.len(), 1);
    assert!(tree.join("member").exists());
    empty_tree(&tree).unwrap();
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 0);
}
