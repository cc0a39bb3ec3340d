//! What one registry of a cluster serves and another lacks, carried over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::document::{Index, Manifest};
use super::served::ServedRegistry;
use crate::error::{Class, Context, Result};
use crate::model::{Digest, ManifestOrder, ServedRepository};

/// Carries over the images whose tags `into` does not have, and returns how many. A tag that is there stays as it is. An image of
/// many platforms is never pushed, so it is where the cluster's images bring it, and left out. The bytes are counted in `moved` as
/// they come.
pub async fn replicate(
    from: &ServedRegistry,
    into: &ServedRegistry,
    moved: &Arc<AtomicU64>,
) -> Result<usize> {
    let there: BTreeMap<String, ServedRepository> =
        into.list().await?.into_iter().map(|repository| (repository.name.clone(), repository)).collect();
    let mut carried = 0;
    for ServedRepository { name, tags } in from.list().await? {
        let lacks = |tag: &String| there.get(&name).is_none_or(|there| !there.tags.contains_key(tag));
        for (tag, digest) in tags.iter().filter(|(tag, _)| lacks(tag)) {
            carried += usize::from(carry(from, into, &name, tag, digest, moved).await?);
        }
    }
    Ok(carried)
}

/// Carries one image over, unless it has many platforms.
async fn carry(
    from: &ServedRegistry,
    into: &ServedRegistry,
    repository: &str,
    tag: &str,
    digest: &Digest,
    moved: &Arc<AtomicU64>,
) -> Result<bool> {
    let (content, media_type) = from.manifest(repository, digest).await?;
    if serde_json::from_str::<Index>(&content).is_ok() {
        return Ok(false);
    }
    let manifest: Manifest =
        serde_json::from_str(&content).problem(Class::Config, "the manifest cannot be read")?;
    let blobs: BTreeMap<Digest, u64> = manifest
        .layers
        .iter()
        .chain([&manifest.config])
        .map(|blob| (blob.digest.clone(), blob.size))
        .collect();
    let digests: Vec<Digest> = blobs.keys().cloned().collect();
    for blob in into.missing(repository, &digests).await? {
        let moved = moved.clone();
        let count = move |bytes: &Bytes| {
            moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        };
        let content = from.blob(repository, &blob).await?.inspect_ok(count);
        into.put_blob(repository, &blob, blobs[&blob], content).await?;
    }
    let order = ManifestOrder {
        repository: repository.to_owned(),
        reference: tag.to_owned(),
        digest: digest.clone(),
        media_type,
        content,
    };
    into.put_manifest(&order).await
}
