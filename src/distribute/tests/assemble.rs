//! Assembling, assembling again over what runs, and collecting garbage.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use proptest::prelude::*;

use super::model::{Tree, layer};
use super::tarball::{Kind, Member, tar_of};
use crate::distribute::assemble::{assemble, assembled_from, remove_assembled};
use crate::distribute::garbage::collect_garbage;
use crate::distribute::receive::receive_layer;
use crate::distribute::registry::publish_registry;
use crate::distribute::store::LayerStore;
use crate::model::Digest;
use crate::model::{Compression, LayerOrder};

fn receive(store: &LayerStore, members: &[Member]) -> Digest {
    let tar = tar_of(members);
    let digest = Digest::of(&tar);
    let order = LayerOrder {
        digest: digest.clone(),
        diff_id: digest.clone(),
        size: tar.len() as u64,
        compression: Compression::None,
    };
    receive_layer(tar.as_slice(), 0, &order, store).unwrap();
    digest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stack_of_layers_becomes_its_tree(layers in prop::collection::vec(layer(), 1..4)) {
        let place = tempfile::tempdir().unwrap();
        let store = LayerStore::open(&place.path().join("layers")).unwrap();
        let mut expected = Tree::default();
        let mut ids = Vec::new();
        for (members, tree) in &layers {
            ids.push(receive(&store, members));
            expected.lay(tree);
        }
        let target = place.path().join("data/rootfs");
        for _ in 0..2 {
            assemble(&ids, &store, &target).unwrap();
            prop_assert_eq!(Tree::on_disk(&target).comparable(), expected.comparable());
            prop_assert_eq!(assembled_from(&target).unwrap(), Some(ids.clone()));
        }
        for (id, (_, tree)) in ids.iter().zip(&layers) {
            prop_assert_eq!(Tree::on_disk(&store.tree(id)).comparable(), tree.comparable(), "layers stay as they were");
        }
    }
}

/// A place with a store and an image of two layers.
struct Image {
    place: tempfile::TempDir,
    store: LayerStore,
    layers: Vec<Digest>,
}

impl Image {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = LayerStore::open(&place.path().join("layers")).unwrap();
        let layers = vec![
            receive(
                &store,
                &[
                    Member::file("bin/kubelet", &vec![1; 2 << 20]),
                    Member::file("etc/config.tmpl", b"text"),
                    Member::file("registry/blobs/one", &vec![3; 2 << 20]),
                    Member::file("registry/tags/one", b"first"),
                ],
            ),
            receive(&store, &[Member::file("scripts/init.sh", b"#!/bin/sh")]),
        ];
        Self { place, store, layers }
    }

    fn target(&self) -> std::path::PathBuf {
        self.place.path().join("data/rootfs")
    }
}

#[test]
fn large_files_are_shared_and_small_ones_are_free_to_be_edited() {
    let image = Image::new();
    assemble(&image.layers, &image.store, &image.target()).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let layer = image.store.tree(&image.layers[0]);
    assert_eq!(inode(&layer.join("bin/kubelet")), inode(&image.target().join("bin/kubelet")));
    fs::write(image.target().join("etc/config.tmpl"), "rendered").unwrap();
    assert_eq!(fs::read(layer.join("etc/config.tmpl")).unwrap(), b"text");
}

#[test]
fn across_file_systems_everything_is_copied() {
    let image = Image::new();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    if fs::metadata(elsewhere.path()).unwrap().dev() == fs::metadata(image.place.path()).unwrap().dev() {
        return;
    }
    let target = elsewhere.path().join("rootfs");
    assemble(&image.layers, &image.store, &target).unwrap();
    assemble(&image.layers, &image.store, &image.target()).unwrap();
    assert_eq!(Tree::on_disk(&target).comparable(), Tree::on_disk(&image.target()).comparable());
}

#[test]
fn what_was_pushed_to_the_registry_survives_and_nothing_else() {
    let image = Image::new();
    let target = image.target();
    assemble(&image.layers, &image.store, &target).unwrap();
    fs::create_dir_all(target.join("registry/repositories/pushed/deep")).unwrap();
    fs::write(target.join("registry/repositories/pushed/deep/link"), "pushed").unwrap();
    fs::write(target.join("registry/blobs/two"), "pushed").unwrap();
    fs::write(target.join("registry/tags/one"), "changed").unwrap();
    fs::write(target.join("etc/extra"), "stale").unwrap();
    let open_blob = fs::File::open(target.join("registry/blobs/two")).unwrap();

    assemble(&image.layers[..1], &image.store, &target).unwrap();
    assert_eq!(fs::read(target.join("registry/repositories/pushed/deep/link")).unwrap(), b"pushed");
    assert_eq!(
        fs::metadata(target.join("registry/blobs/two")).unwrap().ino(),
        open_blob.metadata().unwrap().ino()
    );
    assert_eq!(
        fs::read(target.join("registry/tags/one")).unwrap(),
        b"first",
        "the image's own files are the image's"
    );
    assert!(!target.join("etc/extra").exists());
    assert!(!target.join("scripts").exists());
    // Of an image without a registry too.
    assemble(&image.layers[1..], &image.store, &target).unwrap();
    assert_eq!(fs::read(target.join("registry/blobs/two")).unwrap(), b"pushed");
    assert!(!target.join("bin").exists());
    assert_eq!(
        fs::read_dir(target.parent().unwrap()).unwrap().count(),
        3,
        "the tree, its record and its lock"
    );
}

#[test]
fn a_call_that_was_cut_off_is_finished_by_the_next() {
    let image = Image::new();
    let target = image.target();
    assemble(&image.layers, &image.store, &target).unwrap();
    let data = target.parent().unwrap();
    // Cut off while building, and cut off after the exchange with a push that came in between.
    fs::create_dir_all(data.join(".rootfs.building/half")).unwrap();
    fs::create_dir_all(data.join(".rootfs.ready/registry/blobs")).unwrap();
    fs::write(data.join(".rootfs.ready/registry/blobs/late"), "pushed").unwrap();
    assemble(&image.layers, &image.store, &target).unwrap();
    assert_eq!(fs::read(target.join("registry/blobs/late")).unwrap(), b"pushed");
    assert!(!target.join("half").exists());
    assert_eq!(fs::read_dir(data).unwrap().count(), 3);
    remove_assembled(&target).unwrap();
    assert_eq!(fs::read_dir(data).unwrap().count(), 0);
    assert_eq!(assembled_from(&target).unwrap(), None);
    remove_assembled(&target).unwrap();
}

#[test]
fn a_missing_layer_leaves_the_old_tree() {
    let image = Image::new();
    let target = image.target();
    assemble(&image.layers, &image.store, &target).unwrap();
    let before = Tree::on_disk(&target).comparable();
    let missing = Digest::of("missing");
    let problem = assemble(&[image.layers[0].clone(), missing.clone()], &image.store, &target).unwrap_err();
    assert_eq!(problem.seen, [missing.to_string()]);
    assert_eq!(Tree::on_disk(&target).comparable(), before);
}

#[test]
fn an_application_adds_its_images_to_the_registry() {
    let image = Image::new();
    assemble(&image.layers, &image.store, &image.target()).unwrap();
    let application = receive(
        &image.store,
        &[
            Member::file("registry/blobs/three", &vec![5; 2 << 20]),
            Member::file("registry/tags/one", b"other"),
            Member::file("charts/calico.tgz", b"x"),
            Member::new("registry/link", Kind::Symlink("/etc".into())),
        ],
    );
    let tree = image.place.path().join("data/calico");
    assemble(std::slice::from_ref(&application), &image.store, &tree).unwrap();
    for _ in 0..2 {
        publish_registry(&tree, &image.target()).unwrap();
        let registry = image.target().join("registry");
        assert_eq!(fs::metadata(registry.join("blobs/three")).unwrap().len(), 2 << 20);
        assert_eq!(fs::read(registry.join("tags/one")).unwrap(), b"other");
        assert_eq!(fs::read(registry.join("blobs/one")).unwrap(), vec![3; 2 << 20]);
        assert!(!registry.join("tags/.sealift-coming").exists());
        assert!(!image.target().join("charts").exists());
    }
    // The layer itself is not the registry's to write.
    fs::write(image.target().join("registry/tags/one"), "pushed").unwrap();
    assert_eq!(fs::read(tree.join("registry/tags/one")).unwrap(), b"other");
}

#[test]
fn garbage_is_what_no_image_needs() {
    let image = Image::new();
    let target = image.target();
    assemble(&image.layers, &image.store, &target).unwrap();
    let incoming = image.store.incoming();
    let (needed, other) = (Digest::of("needed"), Digest::of("other"));
    for (diff_id, suffix) in [(&needed, "x.partial"), (&needed, "x.flushed"), (&other, "x.partial")] {
        fs::write(incoming.join(format!("{}.{suffix}", diff_id.hex())), "").unwrap();
    }
    for suffix in ["staging", "removed"] {
        fs::create_dir_all(incoming.join(format!("{}.{suffix}/tree", needed.hex()))).unwrap();
    }
    let keep = BTreeSet::from([image.layers[1].clone(), needed.clone()]);

    let held = image.store.lock(&image.layers[0]).unwrap();
    let collected = collect_garbage(&image.store, &keep).unwrap();
    assert_eq!((collected.removed, collected.busy), (vec![], vec![image.layers[0].clone()]));
    assert_eq!(collected.remains, 3);
    assert!(incoming.join(format!("{}.x.partial", needed.hex())).exists());
    drop(held);

    let collected = collect_garbage(&image.store, &keep).unwrap();
    assert_eq!((collected.removed, collected.busy), (vec![image.layers[0].clone()], vec![]));
    assert_eq!(image.store.list().unwrap(), [image.layers[1].clone()]);
    assert_eq!(fs::metadata(target.join("bin/kubelet")).unwrap().len(), 2 << 20, "the tree keeps its files");
}
