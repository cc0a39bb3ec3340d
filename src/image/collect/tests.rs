//! Collecting: from every source into the files of a registry.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use super::*;
use crate::image::build::{BuildOptions, build};
use crate::image::testing::{context, docker_archive, files, home, options, write_tar};
use crate::image::{Image, archive};
use crate::model::LayerContent;

const ROOT: &str = "registry/docker/registry/v2";

/// Builds an image of one file.
async fn small(store: &Store, name: &str, text: &str) -> Image {
    let context = context(&[("Kubefile", "FROM scratch\nCOPY file .\n"), ("file", text)]);
    build(store, options(context.path(), name)).await.unwrap().image
}

/// Reads a registry's files as a registry would: the tag's manifest, and every blob it names.
fn served(files: &BTreeMap<PathBuf, Vec<u8>>, repository: &str, tag: &str) -> Result<Vec<Digest>, String> {
    let get = |path: String| {
        let path = PathBuf::from(format!("{ROOT}/{path}"));
        files.get(&path).cloned().ok_or_else(|| format!("no {}", path.display()))
    };
    let link =
        |path: String| Ok::<_, String>(String::from_utf8(get(path)?).unwrap().parse::<Digest>().unwrap());
    let blob = |digest: &Digest| {
        let hex = digest.hex();
        let content = get(format!("blobs/sha256/{}/{hex}/data", &hex[..2]))?;
        assert_eq!(Digest::of(&content), *digest);
        Ok::<_, String>(content)
    };
    let home = format!("repositories/{repository}");
    let top = link(format!("{home}/_manifests/tags/{tag}/current/link"))?;
    assert_eq!(link(format!("{home}/_manifests/tags/{tag}/index/sha256/{}/link", top.hex()))?, top);
    assert_eq!(link(format!("{home}/_manifests/revisions/sha256/{}/link", top.hex()))?, top);
    let manifest: super::super::document::Manifest = serde_json::from_slice(&blob(&top)?).unwrap();
    let mut digests = vec![top];
    for part in manifest.layers.iter().chain([&manifest.config]) {
        assert_eq!(blob(&part.digest)?.len() as u64, part.size);
        assert_eq!(link(format!("{home}/_layers/sha256/{}/link", part.digest.hex()))?, part.digest);
        digests.push(part.digest.clone());
    }
    Ok(digests)
}

#[tokio::test]
async fn images_of_the_store_go_into_the_registry() {
    let (_home, store) = home();
    let pause = small(&store, "registry.k8s.io/pause:3.9", "pause").await;
    small(&store, "nginx", "nginx").await;
    let files_here = [
        ("Kubefile", "FROM scratch\nCOPY images images\nCOPY manifests manifests\n"),
        ("images/shim/List", "registry.k8s.io/pause:3.9\n"),
        ("manifests/web.yaml", "spec: {containers: [{image: docker.io/library/nginx}]}\n"),
    ];
    let directory = context(&files_here);
    let built = build(&store, options(directory.path(), "app:1")).await.unwrap();
    assert_eq!(built.collected, ["nginx:latest", "registry.k8s.io/pause:3.9"]);
    let contents: Vec<_> = built.image.layers.iter().map(|layer| layer.content).collect();
    assert_eq!(contents, [LayerContent::Files, LayerContent::Files, LayerContent::Registry]);
    let registry = files(&store, &built.image.layers[2]);
    assert_eq!(
        served(&registry, "pause", "3.9").unwrap()[0],
        pause.manifest,
        "its manifest is kept to the byte"
    );
    served(&registry, "library/nginx", "latest").unwrap();

    let again = build(&store, options(context(&files_here).path(), "app:2")).await.unwrap();
    assert_eq!(again.image.manifest, built.image.manifest, "the same input gives the same digest");
}

#[tokio::test]
async fn only_what_the_base_does_not_have_is_added() {
    let (_home, store) = home();
    for (name, text) in [("pause:1", "shared"), ("other:1", "shared"), ("third:1", "third")] {
        small(&store, name, text).await;
    }
    let base = context(&[("Kubefile", "FROM scratch\nCOPY . .\n"), ("images/shim/a", "pause:1\nthird:1\n")]);
    build(&store, options(base.path(), "base:1")).await.unwrap();
    let above = context(&[("Kubefile", "FROM base:1\nCOPY . .\n"), ("images/shim/b", "pause:1\nother:1\n")]);
    let built = build(&store, options(above.path(), "app:1")).await.unwrap();
    assert_eq!(built.collected, ["other:1"]);
    let added = files(&store, built.image.layers.last().unwrap());
    assert!(
        !added.keys().any(|path| path.ends_with("data")),
        "the same content has the same blobs: {:?}",
        added.keys()
    );
    let whole: BTreeMap<_, _> = built.image.layers.iter().flat_map(|layer| files(&store, layer)).collect();
    for name in ["pause", "other", "third"] {
        served(&whole, &format!("library/{name}"), "1").unwrap();
    }
    let same = context(&[("Kubefile", "FROM base:1\nCOPY . .\n"), ("images/shim/b", "pause:1\n")]);
    let built = build(&store, options(same.path(), "same:1")).await.unwrap();
    assert_eq!((built.collected.len(), built.image.layers.len()), (0, 3), "nothing new, no layer");
}

#[tokio::test]
async fn layouts_and_archives_of_the_context_are_sources() {
    let ((_a, other), (_b, store)) = (home(), home());
    let image = small(&other, "quay.io/x/layout:1", "layout").await;
    let directory = context(&[
        ("Kubefile", "FROM scratch\nCOPY images/shim images/shim\nCOPY images/skopeo images/skopeo\n"),
        ("images/shim/a", "quay.io/x/layout:1\nghcr.io/y/saved:2\nghcr.io/y/docker:3\n"),
        ("images/skopeo/tar.txt", "docker-archive:listed.tar\n"),
        ("images/oci/.keep", ""),
        ("images/docker/.keep", ""),
    ]);
    let layout = directory.path().join("images/oci/one");
    let root = other.blob_path(&image.manifest).ancestors().nth(3).unwrap().to_owned();
    assert!(std::process::Command::new("cp").arg("-r").arg(&root).arg(&layout).status().unwrap().success());
    let saved = small(&other, "ghcr.io/y/saved:2", "saved").await;
    archive::save(&other, &[saved], &directory.path().join("images/oci/two.tar")).unwrap();
    write_tar(&directory.path().join("images/docker/d.tar"), &docker_archive("ghcr.io/y/docker:3", "docker"));
    write_tar(&directory.path().join("listed.tar"), &docker_archive("ghcr.io/y/listed:4", "listed"));
    fs::remove_file(directory.path().join("images/oci/.keep")).unwrap();
    let built = build(&store, options(directory.path(), "app:1")).await.unwrap();
    let registry = files(&store, built.image.layers.last().unwrap());
    assert_eq!(served(&registry, "x/layout", "1").unwrap()[0], image.manifest);
    for (repository, tag) in [("y/saved", "2"), ("y/docker", "3"), ("y/listed", "4")] {
        served(&registry, repository, tag).unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_told_with_all_that_was_tried() {
    let (_home, store) = home();
    let directory = context(&[
        ("Kubefile", "FROM scratch\nCOPY . .\n"),
        ("images/shim/a", "\nregistry.k8s.io/pause:3.9\nquay.io/b:1\n"),
    ]);
    let options = BuildOptions {
        sources: Sources {
            engine: EngineSource::Socket("/nonexistent/docker.sock".into()),
            registries: RegistrySource::Unused,
        },
        ..options(directory.path(), "app:1")
    };
    let problems = build(&store, options).await.unwrap_err();
    assert_eq!(problems.list().len(), 2, "{problems}");
    let problem = &problems.list()[1];
    assert_eq!(problem.message, "the image `registry.k8s.io/pause:3.9` cannot be had for amd64");
    let begins: Vec<&str> = problem.seen.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        begins,
        [
            "named in images/shim/a",
            "the store",
            "images/oci and images/docker",
            "the Docker engine",
            "the registry registry.k8s.io"
        ]
    );
    assert!(store.list().unwrap().is_empty());
}

/// A registry that serves fixed answers, one connection at a time, until the test ends; it fails the first
/// request for each path with 503 and notes what is asked.
fn scripted_registry(answers: impl FnOnce(u16) -> BTreeMap<String, (String, Vec<u8>)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = answers(port);
    std::thread::spawn(move || {
        let mut failed = std::collections::BTreeSet::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(request) = lines.next() else { continue };
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, kind, body) = match answers.get(&path) {
                _ if path == "/v2/" => ("200 OK", "application/json", &b"{}"[..]),
                Some(_) if failed.insert(path.clone()) => ("503 Busy", "text/plain", &b""[..]),
                Some((kind, body)) => ("200 OK", kind.as_str(), body.as_slice()),
                None => ("404 Not Found", "text/plain", &b""[..]),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    port
}

/// The answers of a registry that has the image as `x/y:1`, behind an index of two platforms.
fn answers(store: &Store, image: &Image) -> (BTreeMap<String, (String, Vec<u8>)>, Digest) {
    let bytes = |digest: &Digest| fs::read(store.blob_path(digest)).unwrap();
    let size = bytes(&image.manifest).len();
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": super::super::document::MANIFEST, "digest": Digest::of(b"absent"), "size": 1,
         "platform": {"architecture": "arm64", "os": "linux"}},
        {"mediaType": super::super::document::MANIFEST, "digest": image.manifest, "size": size,
         "platform": {"architecture": "amd64", "os": "linux"}},
    ]})
    .to_string()
    .into_bytes();
    let top = Digest::of(&index);
    let (manifest, _) = store.documents(&image.manifest).unwrap();
    let mut answers = BTreeMap::new();
    for name in ["1".to_owned(), top.to_string()] {
        answers.insert(format!("/v2/x/y/manifests/{name}"), (INDEX.to_owned(), index.clone()));
    }
    let kind = super::super::document::MANIFEST.to_owned();
    answers.insert(format!("/v2/x/y/manifests/{}", image.manifest), (kind, bytes(&image.manifest)));
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let answer = ("application/octet-stream".to_owned(), bytes(&blob.digest));
        answers.insert(format!("/v2/x/y/blobs/{}", blob.digest), answer);
    }
    (answers, top)
}

async fn from_registry(store: &Store, name: &str) -> Result<Image, Problems> {
    let directory = context(&[("Kubefile", "FROM scratch\nCOPY . .\n"), ("images/shim/a", name)]);
    let sources = Sources { engine: EngineSource::Unused, registries: RegistrySource::Named };
    let built = build(store, BuildOptions { sources, ..options(directory.path(), "app:1") }).await?;
    Ok(built.image)
}

#[tokio::test]
async fn a_registry_is_a_source_and_its_index_is_resolved() {
    let ((_a, other), (_b, store)) = (home(), home());
    let image = small(&other, "y:1", "from a registry").await;
    let (answers, top) = answers(&other, &image);
    let port = scripted_registry(|_| answers);
    let built = from_registry(&store, &format!("127.0.0.1:{port}/x/y:1")).await.unwrap();
    let registry = files(&store, built.layers.last().unwrap());
    assert_eq!(served(&registry, "x/y", "1").unwrap()[0], image.manifest);

    let pinned = from_registry(&store, &format!("127.0.0.1:{port}/x/y@{top}")).await.unwrap();
    let registry = files(&store, pinned.layers.last().unwrap());
    let revisions = format!("{ROOT}/repositories/x/y/_manifests/revisions/sha256");
    for digest in [&top, &image.manifest] {
        assert!(
            registry.contains_key(&PathBuf::from(format!("{revisions}/{}/link", digest.hex()))),
            "{digest}"
        );
    }
}

#[tokio::test]
async fn what_a_registry_sends_is_checked() {
    let ((_a, other), (_b, store)) = (home(), home());
    let image = small(&other, "y:1", "from a registry").await;
    let (mut answers, _) = answers(&other, &image);
    let path = format!("/v2/x/y/manifests/{}", image.manifest);
    let sent = answers.get_mut(&path).unwrap();
    sent.1.push(b'\n');
    let port = scripted_registry(|_| answers);
    let problems = from_registry(&store, &format!("127.0.0.1:{port}/x/y:1")).await.unwrap_err();
    assert!(problems.to_string().contains(&image.manifest.to_string()), "{problems}");
    assert!(!store.has_blob(&image.manifest));
}

#[test]
fn a_pinned_name_is_not_given_other_content() {
    let (digest, index) = (Digest::of(b"manifest"), Digest::of(b"index"));
    let descriptor = Descriptor::new(super::super::document::MANIFEST, digest.clone(), 1);
    let found = Found { manifest: descriptor, index: Some(index.clone()) };
    for (name, want) in [
        ("a:1".to_owned(), true),
        (format!("a@{digest}"), true),
        (format!("a:1@{index}"), true),
        (format!("a:1@{}", Digest::of(b"other")), false),
    ] {
        assert_eq!(keeps_promise(&name.parse().unwrap(), &found), want, "{name}");
    }
}
