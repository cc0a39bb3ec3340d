//! The store: names, digests, locks and garbage.

use std::fs;
use std::io::{Read as _, Write as _};

use tempfile::TempDir;

use super::*;
use crate::image::document::{CONFIG, Configuration, Descriptor, LAYER_GZIP, MANIFEST, Manifest};
use crate::model::{Arch, Digest};
use crate::model::{Compression, LayerContent};

fn home() -> (TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    (home, store)
}

/// Puts an image of one foreign layer, gzip and without annotations, into the store; returns the layer's digest.
fn put(store: &Store, name: &str, arch: Arch, files: &[(&str, &str)]) -> Digest {
    let _hold = store.hold().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let (layer, size) = store.ingest_from(gzip.finish().unwrap().as_slice(), None).unwrap();
    let mut configuration = Configuration::empty(arch);
    configuration.rootfs.diff_ids.push(Digest::of(&tar));
    let (config, config_size) = store.ingest_document(&configuration).unwrap();
    let manifest = Manifest::of(
        Descriptor::new(CONFIG, config, config_size),
        vec![Descriptor::new(LAYER_GZIP, layer.clone(), size)],
    );
    let (manifest, size) = store.ingest_document(&manifest).unwrap();
    store.name(&name.parse().unwrap(), arch, Descriptor::new(MANIFEST, manifest, size)).unwrap();
    layer
}

#[test]
fn a_layer_that_is_not_what_the_image_says_is_refused() {
    let (_home, store) = home();
    put(&store, "a:1", Arch::Amd64, &[("x", "1")]);
    let manifest = store.list().unwrap().remove(0).manifest;
    let (mut manifest, mut configuration) = store.documents(&manifest).unwrap();
    configuration.rootfs.diff_ids = vec![Digest::of(b"another tar")];
    let (config, size) = store.ingest_document(&configuration).unwrap();
    manifest.config = Descriptor::new(CONFIG, config, size);
    let (digest, size) = store.ingest_document(&manifest).unwrap();
    store.name(&"b:1".parse().unwrap(), Arch::Amd64, Descriptor::new(MANIFEST, digest, size)).unwrap();
    let problem = store.resolve("b:1", Arch::Amd64).unwrap_err();
    assert!(problem.message.ends_with("is corrupt") && problem.to_string().contains("b:1"), "{problem}");
}

fn blobs(store: &Store) -> usize {
    fs::read_dir(store.root.join("blobs/sha256")).unwrap().count()
}

#[test]
fn an_image_is_found_by_all_forms_of_its_name() {
    let (_home, store) = home();
    put(&store, "kubernetes:v1.36.3", Arch::Amd64, &[("a", "x")]);
    put(&store, "registry.k8s.io/pause", Arch::Amd64, &[("b", "x")]);
    for name in ["kubernetes:v1.36.3", "docker.io/library/kubernetes:v1.36.3", "docker.io/kubernetes:v1.36.3"]
    {
        assert_eq!(store.resolve(name, Arch::Amd64).unwrap().name, "kubernetes:v1.36.3", "{name}");
    }
    let pause = store.resolve("registry.k8s.io/pause:latest", Arch::Amd64).unwrap();
    let pinned = format!("registry.k8s.io/pause@{}", pause.manifest);
    assert_eq!(store.resolve(&pinned, Arch::Amd64).unwrap(), pause);
    assert!(store.resolve("pause", Arch::Amd64).is_err(), "another registry's");
}

#[test]
fn an_unknown_image_is_told_with_what_is_near() {
    let (_home, store) = home();
    put(&store, "kubernetes:v1.36.3", Arch::Amd64, &[]);
    let problem = store.resolve("kubernets:v1.36.3", Arch::Amd64).unwrap_err();
    assert_eq!(problem.class, Class::Config);
    assert_eq!(problem.remedies[0], "did you mean `kubernetes:v1.36.3`?");
    assert!(problem.remedies[1].contains("sealift build -t kubernets:v1.36.3"));
    let problem = store.resolve("kubernetes:v1.36.3", Arch::Arm64).unwrap_err();
    assert_eq!(problem.seen, ["it is there for amd64"]);
}

#[test]
fn one_name_has_an_image_for_each_architecture() {
    let (_home, store) = home();
    put(&store, "a:1", Arch::Amd64, &[("x", "amd64")]);
    put(&store, "a:1", Arch::Arm64, &[("x", "arm64")]);
    let replaced = put(&store, "a:1", Arch::Amd64, &[("x", "new")]);
    let list = store.list().unwrap();
    let listed: Vec<_> = list.iter().map(|line| (line.name.as_str(), line.architecture.as_str())).collect();
    assert_eq!(listed, [("a:1", "amd64"), ("a:1", "arm64")]);
    assert_eq!(store.resolve("a:1", Arch::Amd64).unwrap().layers[0].digest, replaced);
}

#[test]
fn a_foreign_layer_is_looked_at_once() {
    let (_home, store) = home();
    let digest = put(&store, "a", Arch::Amd64, &[("registry/x", "1234"), ("registry/y", "5")]);
    let layer = store.resolve("a", Arch::Amd64).unwrap().layers.remove(0);
    assert_eq!((layer.unpacked_size, layer.files), (5, 2));
    assert_eq!((layer.compression, layer.content), (Compression::Gzip, LayerContent::Registry));
    fs::write(store.blob_path(&digest), "rotten").unwrap();
    assert_eq!(store.resolve("a", Arch::Amd64).unwrap().layers[0], layer, "what was found is kept");
}

#[test]
fn a_corrupt_blob_is_told_with_its_image() {
    let (_home, store) = home();
    let digest = put(&store, "a:1", Arch::Amd64, &[("x", "1")]);
    let image = store.resolve("a:1", Arch::Amd64).unwrap();
    assert!(store.verify(&image).is_empty());
    let whole = fs::read(store.blob_path(&digest)).unwrap();
    let mut rotten = whole.clone();
    *rotten.last_mut().unwrap() ^= 1;
    fs::write(store.blob_path(&digest), rotten).unwrap();
    let problems = store.verify(&image);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, format!("the blob {digest} is corrupt"));
    assert!(problems[0].seen.contains(&"in the image `a:1`".to_owned()), "{}", problems[0]);
    assert!(!problems[0].remedies.is_empty());

    store.ingest_from(whole.as_slice(), Some(&digest)).unwrap();
    assert!(store.verify(&image).is_empty(), "adding the blob again mends it");
    fs::remove_file(store.blob_path(&digest)).unwrap();
    assert!(store.verify(&image)[0].message.contains("has no blob"));
}

#[test]
fn a_corrupt_document_is_not_believed() {
    let (_home, store) = home();
    put(&store, "a:1", Arch::Amd64, &[]);
    let manifest = store.resolve("a:1", Arch::Amd64).unwrap().manifest;
    let path = store.blob_path(&manifest);
    let text = fs::read_to_string(&path).unwrap().replace("\"schemaVersion\":2", "\"schemaVersion\":3");
    fs::write(&path, text).unwrap();
    let problem = store.resolve("a:1", Arch::Amd64).unwrap_err();
    assert!(problem.to_string().contains("corrupt") && problem.to_string().contains("a:1"), "{problem}");
    store.remove("a:1").unwrap();
}

#[test]
fn what_does_not_have_the_digest_it_should_have_is_not_stored() {
    let (_home, store) = home();
    let expected = Digest::of(b"right");
    let problem = store.ingest_from(&b"wrong"[..], Some(&expected)).unwrap_err();
    assert!(problem.message.contains("corrupt"), "{problem}");
    assert_eq!(blobs(&store), 0);
    assert_eq!(fs::read_dir(store.root.join("ingest")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_checked_blob_gives_its_bytes_and_then_the_error() {
    let mut blob = CheckedBlob::new(&b"wrong"[..], Digest::of(b"right"));
    let mut bytes = [0; 5];
    blob.read_exact(&mut bytes).unwrap();
    assert!(blob.read(&mut bytes).is_err());
}

#[test]
fn removal_deletes_what_nobody_needs() {
    let (_home, store) = home();
    put(&store, "a:1", Arch::Amd64, &[("x", "shared")]);
    put(&store, "b:1", Arch::Amd64, &[("x", "shared")]);
    let own = put(&store, "c:1", Arch::Amd64, &[("x", "own")]);
    store.resolve("c:1", Arch::Amd64).unwrap();
    let before = blobs(&store);
    assert_eq!(store.remove("a:1").unwrap(), Sweep::Done { blobs: 0, bytes: 0 }, "b:1 has the same content");
    assert!(matches!(store.remove("c:1").unwrap(), Sweep::Done { blobs: 3, bytes } if bytes > 0));
    assert!(!store.has_blob(&own) && !store.facts_path(&own).exists());
    assert_eq!(blobs(&store), before - 3);
    assert!(store.verify(&store.resolve("b:1", Arch::Amd64).unwrap()).is_empty());
    assert!(store.remove("c:1").is_err(), "it is gone");
}

#[test]
fn nothing_is_deleted_while_somebody_adds() {
    let (home, store) = home();
    put(&store, "a:1", Arch::Amd64, &[("x", "1")]);
    let other_process = Store::open(home.path()).unwrap();
    let hold = other_process.hold().unwrap();
    let (digest, _) = other_process.ingest_from(&b"new"[..], None).unwrap();
    let before = blobs(&store);
    assert_eq!(store.remove("a:1").unwrap(), Sweep::Postponed);
    assert_eq!(blobs(&store), before);
    assert!(store.resolve("a:1", Arch::Amd64).is_err(), "the name is gone at once");
    drop(hold);
    assert!(matches!(store.sweep().unwrap(), Sweep::Done { blobs: 4, .. }));
    assert!(!store.has_blob(&digest), "nobody named it");
}

#[test]
fn what_a_killed_process_left_is_swept() {
    let (_home, store) = home();
    fs::write(store.root.join("ingest/.tmpleft"), "half").unwrap();
    store.sweep().unwrap();
    assert_eq!(fs::read_dir(store.root.join("ingest")).unwrap().count(), 0);
}

#[test]
fn many_writers_lose_no_name() {
    let (home, _store) = home();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let home = home.path();
            scope.spawn(move || {
                let store = Store::open(home).unwrap();
                for number in 0..5 {
                    put(
                        &store,
                        &format!("w{writer}:{number}"),
                        Arch::Amd64,
                        &[("x", &format!("{writer}{number}"))],
                    );
                    let _ = store.sweep().unwrap();
                }
            });
        }
    });
    let store = Store::open(home.path()).unwrap();
    let list = store.list().unwrap();
    assert_eq!(list.len(), 40);
    for line in list {
        assert!(store.verify(&store.resolve(&line.name, Arch::Amd64).unwrap()).is_empty(), "{}", line.name);
    }
}
