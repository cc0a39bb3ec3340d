//! Files of `care`: read as JSON, written so that a crash leaves the old or the new one.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Class, Context, Problem, Result};

/// Reads `path` as JSON. Errors have class `Config`.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).problem_with(Class::Config, || format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .problem_with(Class::Config, || format!("{} does not hold what it should", path.display()))
}

/// Writes `value` as JSON to `path`, mode 0600, in one step that survives a power failure.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = path
        .parent()
        .ok_or_else(|| Problem::new(Class::Internal, failed()).saw("the path has no folder above it"))?;
    let mut text = serde_json::to_vec_pretty(value).problem_with(Class::Internal, failed)?;
    text.push(b'\n');
    fs::create_dir_all(folder).problem_with(Class::Machine, failed)?;
    // A temporary file has mode 0600 from its first moment.
    let mut file = tempfile::NamedTempFile::new_in(folder).problem_with(Class::Machine, failed)?;
    file.write_all(&text).problem_with(Class::Machine, failed)?;
    file.as_file().sync_all().problem_with(Class::Machine, failed)?;
    file.persist(path).problem_with(Class::Machine, failed)?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).problem_with(Class::Machine, failed)
}
