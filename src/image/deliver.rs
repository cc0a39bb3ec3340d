//! The storage of one registry, as it lies on disk, put into another that serves.
//!
//! The layout is the distribution project's, version 2: see its `registry/storage/paths.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncReadExt as _;

use super::collect::media_type;
use super::document::{Index, Manifest};
use super::served::ServedRegistry;
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::{Digest, ManifestOrder};

/// Where the storage is in a registry's directory.
const ROOT: &str = "docker/registry/v2";

/// The bytes that are passed on at once.
const PIECE: usize = 256 * 1024;

/// Puts all images below `content` into `into`, as far as it lacks them, and returns how many it lacked. `tell` hears of each.
pub async fn deliver(content: &Path, into: &ServedRegistry, tell: impl Fn(&str)) -> Result<usize> {
    let storage = Storage { root: content.join(ROOT) };
    let mut put = 0;
    for repository in storage.repositories()? {
        for (reference, digest) in storage.references(&repository)? {
            let image = Served { repository: &repository, reference: &reference, digest: &digest };
            if storage.deliver(into, image).await? {
                tell(&format!("{repository}:{reference} is in the registry"));
                put += 1;
            }
        }
    }
    Ok(put)
}

/// A manifest as a registry serves it.
#[derive(Clone, Copy)]
struct Served<'a> {
    repository: &'a str,
    /// Its tag, or its digest where it has none.
    reference: &'a str,
    digest: &'a Digest,
}

struct Storage {
    root: PathBuf,
}

impl Storage {
    /// Returns the names of all repositories; a content without any has none.
    fn repositories(&self) -> Result<BTreeSet<String>> {
        let root = self.root.join("repositories");
        let mut found = BTreeSet::new();
        let mut entries = walkdir::WalkDir::new(&root).into_iter();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(_) if !root.exists() => break,
                Err(error) => return Err(Problem::new(Class::Machine, unreadable(&root)).saw(error)),
            };
            if entry.file_name() == "_manifests" {
                let name = entry.path().parent().and_then(|path| path.strip_prefix(&root).ok());
                found.extend(name.map(|name| name.to_string_lossy().into_owned()));
            }
            // What begins so is no part of a repository's name.
            if entry.file_type().is_dir() && entry.file_name().as_encoded_bytes().starts_with(b"_") {
                entries.skip_current_dir();
            }
        }
        Ok(found)
    }

    /// Returns what a repository serves: its tags, and by their digests the manifests that no tag names.
    fn references(&self, repository: &str) -> Result<BTreeMap<String, Digest>> {
        let manifests = self.root.join("repositories").join(repository).join("_manifests");
        let mut found = BTreeMap::new();
        let mut named = BTreeSet::new();
        for tag in names_in(&manifests.join("tags"))? {
            let digest = read_link(&manifests.join("tags").join(&tag).join("current/link"))?;
            named.insert(digest.clone());
            named.extend(self.children(&digest)?);
            found.insert(tag, digest);
        }
        for hex in names_in(&manifests.join("revisions/sha256"))? {
            let digest: Digest = format!("sha256:{hex}").parse()?;
            if !named.contains(&digest) {
                found.insert(digest.to_string(), digest);
            }
        }
        Ok(found)
    }

    /// Returns the manifests of an index that are here: of many platforms an image may have been packed with one.
    fn children(&self, digest: &Digest) -> Result<Vec<Digest>> {
        let Ok(index) = serde_json::from_str::<Index>(&self.text(digest)?) else { return Ok(vec![]) };
        let children = index.manifests.into_iter().map(|manifest| manifest.digest);
        Ok(children.filter(|child| self.data(child).exists()).collect())
    }

    /// Puts an image there, what it is made of first; tells whether its manifest was missing.
    async fn deliver(&self, into: &ServedRegistry, image: Served<'_>) -> Result<bool> {
        if into.digest(image.repository, image.reference).await?.as_ref() == Some(image.digest) {
            return Ok(false);
        }
        for child in &self.children(image.digest)? {
            let reference = &child.to_string();
            self.manifest(into, Served { reference, digest: child, ..image }).await?;
        }
        self.manifest(into, image).await
    }

    async fn manifest(&self, into: &ServedRegistry, image: Served<'_>) -> Result<bool> {
        let content = self.text(image.digest)?;
        if let Ok(manifest) = serde_json::from_str::<Manifest>(&content) {
            let blobs = manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.digest.clone());
            let blobs: Vec<Digest> = blobs.collect::<BTreeSet<_>>().into_iter().collect();
            for blob in into.missing(image.repository, &blobs).await? {
                self.blob(into, image.repository, &blob).await?;
            }
        }
        let order = ManifestOrder {
            repository: image.repository.to_owned(),
            reference: image.reference.to_owned(),
            digest: image.digest.clone(),
            media_type: media_type(content.as_bytes())?,
            content,
        };
        into.put_manifest(&order).await
    }

    async fn blob(&self, into: &ServedRegistry, repository: &str, blob: &Digest) -> Result<()> {
        let path = self.data(blob);
        let opened = async {
            let file = tokio::fs::File::open(&path).await?;
            let size = file.metadata().await?.len();
            std::io::Result::Ok((file, size))
        };
        let (file, size) = opened.await.problem_with(Class::Machine, || unreadable(&path))?;
        into.put_blob(repository, blob, size, pieces(file)).await
    }

    fn text(&self, digest: &Digest) -> Result<String> {
        fsx::read_text(&self.data(digest))
    }

    fn data(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.root.join("blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }
}

fn pieces(file: tokio::fs::File) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    futures_util::stream::unfold(file, |mut file| async {
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(piece.freeze()), file)),
            Err(error) => Some((Err(error), file)),
        }
    })
}

fn read_link(path: &Path) -> Result<Digest> {
    fsx::read_text(path)?.trim().parse()
}

/// Returns the names in a directory, none of one that is not there.
fn names_in(path: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.problem_with(Class::Machine, || unreadable(path))?,
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().problem_with(Class::Machine, || unreadable(path))
}

fn unreadable(path: &Path) -> String {
    format!("cannot read {}", path.display())
}
