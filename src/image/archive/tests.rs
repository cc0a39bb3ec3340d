//! Archives: what is saved is what is loaded, and what is broken is told.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::error::Problems;
use crate::image::build::build;
use crate::image::testing::{context, docker_archive, home, options, write_tar};
use crate::model::Arch;

async fn built(store: &Store, name: &str, text: &str) -> Result<Image, Problems> {
    let context = context(&[("Kubefile", "FROM scratch\nLABEL a=b\nCOPY . .\n"), ("file", text)]);
    build(store, options(context.path(), name)).await.map(|built| built.image)
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn what_is_saved_is_what_is_loaded() {
    let ((_a, from), (_b, to), place) = (home(), home(), place());
    let images =
        [built(&from, "a:1", "1").await.unwrap(), built(&from, "registry.k8s.io/b:2", "2").await.unwrap()];
    let path = place.path().join("images.tar");
    save(&from, &images, &path).unwrap();
    assert_eq!(load(&to, &path, None).unwrap(), images);
    assert_eq!(to.list().unwrap(), from.list().unwrap());
    assert!(to.verify(&images[0]).is_empty());

    let again = place.path().join("again.tar");
    save(&to, &images, &again).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap(), "the same images, the same bytes");
}

#[tokio::test]
async fn an_only_image_can_be_given_a_name() {
    let ((_a, from), (_b, to), place) = (home(), home(), place());
    let images = [built(&from, "a:1", "1").await.unwrap(), built(&from, "b:1", "2").await.unwrap()];
    let (one, two) = (place.path().join("1.tar"), place.path().join("2.tar"));
    save(&from, &images[..1], &one).unwrap();
    save(&from, &images, &two).unwrap();
    let name = "other:2".parse().unwrap();
    assert_eq!(load(&to, &one, Some(&name)).unwrap()[0].name, "other:2");
    assert!(load(&to, &two, Some(&name)).unwrap_err().message.contains("2 images"));
}

#[tokio::test]
async fn a_corrupt_archive_leaves_no_image() {
    let ((_a, from), (_b, to), place) = (home(), home(), place());
    let image = built(&from, "a:1", "some content").await.unwrap();
    let path = place.path().join("a.tar");
    save(&from, std::slice::from_ref(&image), &path).unwrap();
    let whole = fs::read(&path).unwrap();
    // Each blob is found in the archive by its bytes, and its last byte is changed.
    for digest in [&image.manifest, &image.layers[0].digest] {
        let blob = fs::read(from.blob_path(digest)).unwrap();
        let at = whole.windows(blob.len()).position(|window| window == blob).unwrap();
        let mut broken = whole.clone();
        broken[at + blob.len() - 1] ^= 1;
        fs::write(&path, broken).unwrap();
        let problem = load(&to, &path, None).unwrap_err();
        assert_eq!(problem.message, format!("the blob {digest} is corrupt"));
        assert!(problem.to_string().contains("a.tar") && !problem.remedies.is_empty(), "{problem}");
        assert!(to.list().unwrap().is_empty());
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(load(&to, &path, None).is_err(), "cut off");
    assert!(to.list().unwrap().is_empty());
}

#[tokio::test]
async fn a_corrupt_store_is_not_saved() {
    let ((_a, store), place) = (home(), place());
    let image = built(&store, "a:1", "some content").await.unwrap();
    fs::write(store.blob_path(&image.layers[0].digest), "x".repeat(image.layers[0].size as usize)).unwrap();
    let path = place.path().join("a.tar");
    let problem = save(&store, &[image], &path).unwrap_err();
    assert!(problem.to_string().contains("corrupt"), "{problem}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_docker_archive_becomes_an_oci_image() {
    let ((_home, store), place) = (home(), place());
    let path = place.path().join("docker.tar");
    write_tar(&path, &docker_archive("registry.k8s.io/pause:3.9", "pause"));
    let image = load(&store, &path, None).unwrap().remove(0);
    assert_eq!(image.name, "registry.k8s.io/pause:3.9");
    assert_eq!(image.config.cmd, ["/pause"]);
    assert_eq!((image.layers[0].unpacked_size, image.layers[0].files), (5, 1));
    assert!(store.verify(&image).is_empty());
    let (manifest, _) = store.documents(&image.manifest).unwrap();
    let member = docker_archive("registry.k8s.io/pause:3.9", "pause").remove(1).1;
    assert_eq!(store.document_bytes(&manifest.config.digest).unwrap(), member, "its configuration is kept");
}

#[test]
fn a_broken_docker_archive_is_told() {
    let ((_home, store), place) = (home(), place());
    let path = place.path().join("docker.tar");
    let whole = docker_archive("pause:3.9", "pause");
    let mut changed = whole.clone();
    changed[0].1[512] ^= 1;
    for (members, want) in [
        (&changed[..], "a layer in"),
        (&whole[1..], "has no file l/layer.tar"),
        (&whole[..2], "holds no image"),
    ] {
        write_tar(&path, members);
        let problem = load(&store, &path, None).unwrap_err();
        assert!(problem.message.contains(want), "{problem}");
    }
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn what_is_no_archive_is_told() {
    let ((_home, store), place) = (home(), place());
    let path = place.path().join("x.tar");
    assert!(load(&store, &path, None).is_err(), "not there");
    fs::write(&path, [7; 2000]).unwrap();
    assert!(load(&store, &path, None).unwrap_err().message.contains("cannot read the archive"));
}

#[tokio::test]
async fn a_layout_directory_is_loaded_and_mends_the_store() {
    let ((_a, from), (_b, to)) = (home(), home());
    let image = built(&from, "a:1", "1").await.unwrap();
    // A store is a layout itself.
    let layout = from.blob_path(&image.manifest).ancestors().nth(3).unwrap().to_owned();
    load(&to, &layout, None).unwrap();
    fs::write(to.blob_path(&image.layers[0].digest), "rotten").unwrap();
    assert_eq!(to.verify(&image).len(), 1);
    load(&to, &layout, None).unwrap();
    assert!(to.verify(&to.resolve("a:1", Arch::Amd64).unwrap()).is_empty());
}
