//! Builds: the same input gives the same image, and what is packed is what was there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::image::layer;
use crate::image::testing::{context, home, options};
use crate::model::{LayerContent, LayerInfo as Layer};

async fn built(store: &Store, files: &[(&str, &str)]) -> Result<Image, Problems> {
    let context = context(files);
    build(store, options(context.path(), "app:1")).await.map(|built| built.image)
}

/// What a layer holds, as `path kind mode [content]`.
fn listing(store: &Store, layer: &Layer) -> Vec<String> {
    let mut lines = Vec::new();
    layer::walk(store.read_blob(&layer.digest).unwrap(), layer.compression, |path, entry| {
        let header = entry.header();
        assert_eq!((header.uid()?, header.gid()?, header.mtime()?), (0, 0, 0));
        let (kind, mode) = (header.entry_type(), header.mode()?);
        let mut content = String::new();
        std::io::Read::read_to_string(entry, &mut content)?;
        if let Some(target) = entry.link_name()? {
            content = format!("-> {}", target.display());
        }
        lines.push(format!("{} {kind:?} {mode:o} {content}", path.display()).trim_end().to_owned());
        Ok(())
    })
    .unwrap();
    lines
}

#[tokio::test]
async fn the_same_input_gives_the_same_digest() {
    let files = [
        ("Kubefile", "FROM scratch\nENV A=1 B=2\nLABEL z=1 a=2\nCOPY . .\nCMD [\"x\"]\n"),
        ("bin/kubelet", "binary"),
        ("etc/a/b/c", "deep"),
    ];
    let (_one, first) = home();
    let (_two, second) = home();
    let here = built(&first, &files).await.unwrap();
    let there = built(&second, &files).await.unwrap();
    assert_eq!(here.manifest, there.manifest, "another directory and another store");
    let again = built(&first, &files).await.unwrap();
    assert_eq!(here.manifest, again.manifest, "the same store");
    let mut other = files;
    other[1].1 = "Binary";
    assert_ne!(built(&first, &other).await.unwrap().manifest, here.manifest);
}

#[tokio::test]
async fn what_is_packed_is_what_was_there() {
    let (_home, store) = home();
    let context =
        context(&[("Kubefile", "FROM scratch\nCOPY tree /\n"), ("tree/bin/run", "#!"), ("tree/a", "a")]);
    let tree = context.path().join("tree");
    fs::set_permissions(tree.join("bin/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(tree.join("bin"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(tree.join("empty")).unwrap();
    fs::set_permissions(tree.join("empty"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../a", tree.join("bin/link")).unwrap();
    symlink("/nowhere", tree.join("dangling")).unwrap();
    fs::write(tree.join("x".repeat(150)), "long").unwrap();
    fs::set_permissions(tree.join("x".repeat(150)), fs::Permissions::from_mode(0o600)).unwrap();
    let image = build(&store, options(context.path(), "app")).await.unwrap().image;
    assert_eq!(
        listing(&store, &image.layers[0]),
        [
            "a Regular 644 a".to_owned(),
            "bin/ Directory 700".to_owned(),
            "bin/link Symlink 777 -> ../a".to_owned(),
            "bin/run Regular 4755 #!".to_owned(),
            "dangling Symlink 777 -> /nowhere".to_owned(),
            "empty/ Directory 755".to_owned(),
            format!("{} Regular 600 long", "x".repeat(150)),
        ]
    );
    let layer = &image.layers[0];
    assert_eq!((layer.files, layer.unpacked_size, layer.content), (7, 7, LayerContent::Files));
}

#[tokio::test]
async fn copy_follows_the_dockerfiles_rules() {
    let files = [("a", "1"), ("b.yml", "2"), ("c.yml", "3"), ("d/e", "4"), ("d/f/g", "5")];
    for (copy, want) in [
        ("COPY a b", vec!["b"]),
        ("COPY a b/", vec!["b/", "b/a"]),
        ("COPY a /x/y/z", vec!["x/", "x/y/", "x/y/z"]),
        ("COPY a b.yml .", vec!["a", "b.yml"]),
        ("COPY *.yml etc/", vec!["etc/", "etc/b.yml", "etc/c.yml"]),
        ("COPY d .", vec!["e", "f/", "f/g"]),
        ("COPY d x", vec!["x/", "x/e", "x/f/", "x/f/g"]),
        ("COPY d/* x/", vec!["x/", "x/e", "x/g"]),
        ("COPY [\"a\", \"d\", \"x/\"]", vec!["x/", "x/a", "x/e", "x/f/", "x/f/g"]),
    ] {
        let (_home, store) = home();
        let kubefile = format!("FROM scratch\n{copy}\n");
        let image = built(&store, &[&[("Kubefile", kubefile.as_str())], &files[..]].concat()).await.unwrap();
        let paths: Vec<String> = listing(&store, &image.layers[0])
            .iter()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(paths, want, "{copy}");
    }
}

#[tokio::test]
async fn a_file_goes_into_a_directory_that_is_there() {
    let (_home, store) = home();
    let image =
        built(&store, &[("Kubefile", "FROM scratch\nCOPY d /opt/\nCOPY a /opt\n"), ("a", "1"), ("d/e", "2")])
            .await
            .unwrap();
    assert_eq!(listing(&store, &image.layers[1]), ["opt/a Regular 644 1"]);
}

#[tokio::test]
async fn what_cannot_be_copied_is_told_all_at_once() {
    let (_home, store) = home();
    let text = "FROM scratch\nCOPY missing .\nCOPY *.none .\nCOPY a b c\nCOPY ../x .\nCOPY out/passwd .\n";
    let context = context(&[("Kubefile", text), ("a", ""), ("b", "")]);
    symlink("/etc", context.path().join("out")).unwrap();
    let problems = build(&store, options(context.path(), "app")).await.unwrap_err();
    let told: Vec<&str> =
        problems.list().iter().map(|p| p.message.split("Kubefile:").nth(1).unwrap()).collect();
    assert_eq!(
        told,
        [
            "2:1: `missing` is not there",
            "3:1: nothing in the directory matches `*.none`",
            "4:1: several sources are copied to `c`",
            "5:1: `../x` leads out of the directory that is built",
            "6:1: `out/passwd` leads out of the directory that is built",
        ]
    );
    assert!(store.list().unwrap().is_empty());
}

#[tokio::test]
async fn ignored_files_are_not_packed() {
    let (_home, store) = home();
    let files = [
        ("Kubefile", "FROM scratch\nCOPY . .\n"),
        (".dockerignore", "Kubefile\n.dockerignore\nsecret*\nlogs\n!logs/keep\n"),
        ("secret.key", "x"),
        ("logs/a", "x"),
        ("logs/keep", "x"),
        ("b", "x"),
    ];
    let image = built(&store, &files).await.unwrap();
    assert_eq!(
        listing(&store, &image.layers[0]),
        ["b Regular 644 x", "logs/ Directory 755", "logs/keep Regular 644 x"]
    );
}

#[tokio::test]
async fn the_registry_directory_is_a_layer_of_its_own() {
    let (_home, store) = home();
    let image =
        built(&store, &[("Kubefile", "FROM scratch\nCOPY . .\n"), ("registry/docker/x", "x")]).await.unwrap();
    let contents: Vec<_> = image.layers.iter().map(|layer| layer.content).collect();
    assert_eq!(contents, [LayerContent::Files, LayerContent::Registry]);
    assert_eq!(listing(&store, &image.layers[0]), ["Kubefile Regular 644 FROM scratch\nCOPY . ."]);
}

#[tokio::test]
async fn a_base_image_is_inherited() {
    let (_home, store) = home();
    let base = context(&[
        ("Kubefile", "FROM scratch\nENV A=1 B=2\nLABEL l=1 m=1\nCOPY a .\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\n"),
        ("a", "1"),
    ]);
    let base = build(&store, options(base.path(), "base:1")).await.unwrap().image;
    let image = built(
        &store,
        &[("Kubefile", "FROM docker.io/library/base:1\nENV B=$A$B C=3\nLABEL m=2\nCOPY b .\n"), ("b", "")],
    )
    .await
    .unwrap();
    assert_eq!(image.layers[0], base.layers[0]);
    assert_eq!(image.layers.len(), 2);
    let pairs =
        |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    assert_eq!(pairs(&image.config.env), ["A=1", "B=12", "C=3"]);
    assert_eq!(pairs(&image.config.labels), ["l=1", "m=2"]);
    assert_eq!((image.config.entrypoint, image.config.cmd), (vec!["e".to_owned()], vec!["c".to_owned()]));
}

#[tokio::test]
async fn an_unknown_base_is_told_with_what_is_near() {
    let (_home, store) = home();
    built(&store, &[("Kubefile", "FROM scratch\n")]).await.unwrap();
    let problems = built(&store, &[("Kubefile", "FROM app:2\n")]).await.unwrap_err();
    assert_eq!(problems.list()[0].message, "there is no image `app:2` in the store");
    assert_eq!(problems.list()[0].remedies[0], "did you mean `app:1`?");
}

#[tokio::test]
async fn the_epoch_is_the_time_of_everything() {
    let (_home, store) = home();
    let context = context(&[("Kubefile", "FROM scratch\nCOPY Kubefile .\n")]);
    let options = BuildOptions { epoch: 1_700_000_000, ..options(context.path(), "app") };
    build(&store, options).await.unwrap();
    assert_eq!(store.list().unwrap()[0].created.as_deref(), Some("2023-11-14T22:13:20Z"));
}

#[tokio::test]
async fn an_annotation_is_the_manifests_and_makes_another_image() {
    let (_home, store) = home();
    let context = context(&[("Kubefile", "FROM scratch\nCOPY Kubefile .\n")]);
    let annotations = BTreeMap::from([("sealer.image.extension".to_owned(), "{\"type\": \"\"}".to_owned())]);
    let annotated = BuildOptions { annotations: annotations.clone(), ..options(context.path(), "app:1") };
    let image = build(&store, annotated).await.unwrap().image;
    assert_eq!(image.config.annotations, annotations);
    let plain = build(&store, options(context.path(), "app:2")).await.unwrap().image;
    assert!(plain.config.annotations.is_empty());
    assert_ne!(plain.manifest, image.manifest);
}
