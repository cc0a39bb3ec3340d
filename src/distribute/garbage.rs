//! Removes layers that no image needs any more, and what cut-off work left behind.

use std::collections::BTreeSet;
use std::fs;

use crate::distribute::store::{LayerStore, digest_of, names_in};
use crate::error::{Class, Context as _, Result};
use crate::fsx;
use crate::model::Digest;

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The layers that were removed.
    pub removed: Vec<Digest>,
    /// Layers nobody needs that somebody works with just now; they go the next time.
    pub busy: Vec<Digest>,
    /// How many remains of cut-off work were removed.
    pub remains: usize,
}

/// Removes from `store` every layer whose diffID is not in `needed`, and all remains of cut-off work except what
/// helps a needed layer to arrive.
///
/// A layer that is removed is never half there. Trees that were assembled from it keep their files.
pub fn collect_garbage(store: &LayerStore, needed: &BTreeSet<Digest>) -> Result<Collected> {
    let mut collected = Collected::default();
    for diff_id in store.list()? {
        if !needed.contains(&diff_id) {
            let list =
                if remove_layer(store, &diff_id)? { &mut collected.removed } else { &mut collected.busy };
            list.push(diff_id);
        }
    }
    for name in names_in(&store.incoming())? {
        collected.remains += usize::from(remove_remains(store, &name, needed)?);
    }
    Ok(collected)
}

/// Says whether it could be removed, that is, whether nobody works with it.
fn remove_layer(store: &LayerStore, diff_id: &Digest) -> Result<bool> {
    let Some(_only_one) = store.try_lock(diff_id)? else { return Ok(false) };
    let condemned = store.condemned(diff_id);
    store.remove_incoming(&condemned)?;
    fs::rename(store.directory(diff_id), &condemned)
        .problem_with(Class::Machine, || format!("cannot remove the layer {}", diff_id.short()))?;
    // On disk before the files go: else a power cut could bring back the name without them.
    fsx::sync_directory(store.root())?;
    store.remove_incoming(&condemned)?;
    Ok(true)
}

/// Lock files stay: they are empty, and removing one while somebody waits for it would let two in.
fn remove_remains(store: &LayerStore, name: &str, needed: &BTreeSet<Digest>) -> Result<bool> {
    let Some((diff_id, rest)) = name.split_once('.') else { return Ok(false) };
    let Some(diff_id) = digest_of(diff_id) else { return Ok(false) };
    let is_useless = match rest {
        "lock" => false,
        "staging" | "removed" => true,
        // The beginning of a stream, which a needed layer's next attempt goes on from.
        _ => store.have(&diff_id) || !needed.contains(&diff_id),
    };
    if !is_useless {
        return Ok(false);
    }
    let Some(_only_one) = store.try_lock(&diff_id)? else { return Ok(false) };
    store.remove_incoming(&store.incoming().join(name))?;
    Ok(true)
}
