//! Collected images as files of a registry: the distribution project's layout of storage, version 2.
//!
//! Blobs, manifests among them, lie under `blobs/sha256/<first two digits>/<digest>/data`; a repository has links
//! to the layers and manifests it may serve, and to the manifest of each tag. The layout is described in the
//! distribution project's `registry/storage/paths.go`.

use std::path::{Path, PathBuf};

use super::Collected;
use crate::error::Result;
use crate::image::build::{Entries, Entry, EntryKind, Tree};
use crate::image::document::Manifest;
use crate::image::store::Store;
use crate::model::Digest;

/// Where a registry with this directory as its storage looks.
const ROOT: &str = "registry/docker/registry/v2";

/// The mode of all files; whatever user a registry runs as must read them.
const FILE_MODE: u32 = 0o644;

/// Returns the directory of a repository.
pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(ROOT).join("repositories").join(name)
}

/// Makes the files of one collected image, except those that the tree has.
pub(crate) fn files(store: &Store, image: &Collected, tree: &Tree) -> Result<Entries> {
    let mut entries = Entries::new();
    let manifest: Manifest = store.document(&image.manifest)?;
    let directory = repository(&image.repository);
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        entries.insert(data(&blob.digest), blob_file(store, &blob.digest)?);
        entries
            .insert(directory.join(format!("_layers/sha256/{}/link", blob.digest.hex())), link(&blob.digest));
    }
    let revisions = directory.join("_manifests/revisions/sha256");
    for digest in [&image.manifest].into_iter().chain(&image.index) {
        entries.insert(data(digest), blob_file(store, digest)?);
        entries.insert(revisions.join(digest.hex()).join("link"), link(digest));
    }
    if let Some(tag) = &image.tag {
        // What is pinned by the digest of an index is served whole under its tag too.
        let target = image.index.as_ref().unwrap_or(&image.manifest);
        let tag = directory.join("_manifests/tags").join(tag);
        entries.insert(tag.join("current/link"), link(target));
        entries.insert(tag.join(format!("index/sha256/{}/link", target.hex())), link(target));
    }
    entries.retain(|path, _| !tree.registry.contains(path));
    Ok(entries)
}

fn data(digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    Path::new(ROOT).join("blobs/sha256").join(&hex[..2]).join(&hex).join("data")
}

fn blob_file(store: &Store, digest: &Digest) -> Result<Entry> {
    let size = store.blob_size(digest)?;
    let kind = EntryKind::File { source: store.blob_path(digest), size, digest: Some(digest.clone()) };
    Ok(Entry { mode: FILE_MODE, kind })
}

fn link(digest: &Digest) -> Entry {
    Entry { mode: FILE_MODE, kind: EntryKind::Text(digest.to_string().into_bytes()) }
}
