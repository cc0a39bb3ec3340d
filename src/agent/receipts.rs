//! Receipts: that opaque work was done, and that what should follow from it was seen.

use std::collections::BTreeMap;
use std::path::Path;

use super::paths;
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::model::{Digest, Receipt};

/// Writes the receipt of a piece of work. Only called after its postconditions held.
pub(super) fn write(work: &str, digest: &Digest) -> Result<()> {
    let receipt = Receipt { digest: digest.clone(), written: Some(now()) };
    let bytes = serde_json::to_vec(&receipt).problem(Class::Internal, "cannot write a receipt")?;
    fsx::make_directory(Path::new(paths::RECEIPTS))?;
    fsx::write_atomically(&Path::new(paths::RECEIPTS).join(work), &bytes, 0o600)
}

/// Returns the time as receipts have it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Removes a receipt before its work is done again: a half-done second time must not look done.
pub(super) fn withdraw(work: &str) -> Result<()> {
    fsx::remove_if_exists(&Path::new(paths::RECEIPTS).join(work)).map(drop)
}

/// Removes all receipts.
pub(super) fn withdraw_all() -> Result<()> {
    all().keys().try_for_each(|work| withdraw(work))
}

/// Withdraws a receipt while `act` changes what it speaks of, and gives it back when that went well.
pub(super) fn without<T>(work: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let present = all().remove(work);
    withdraw(work)?;
    let done = act()?;
    if let Some(receipt) = present {
        write(work, &receipt.digest)?;
    }
    Ok(done)
}

/// Returns all receipts. One that cannot be read is none.
pub(super) fn all() -> BTreeMap<String, Receipt> {
    let Ok(entries) = std::fs::read_dir(paths::RECEIPTS) else { return BTreeMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let receipt = serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()?;
            Some((entry.file_name().into_string().ok()?, receipt))
        })
        .collect()
}
