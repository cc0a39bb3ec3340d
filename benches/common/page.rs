//! A page that each bench writes its own parts of: what stands between two marks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Puts a part into the page at `path`, in the place of an older one; what else stands there stays.
pub(crate) fn place(path: &Path, name: &str, part: &str) -> Result<()> {
    let begin = format!("<!-- {name}: written by `make bench` -->\n");
    let end = format!("<!-- end of {name} -->\n");
    let part = format!("{begin}{part}{end}");
    let present = fs::read_to_string(path).unwrap_or_else(|_| "# Benchmarks\n".to_owned());
    let page = match (present.split_once(&begin), present.split_once(&end)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{part}{after}"),
        _ => format!("{}\n\n{part}", present.trim_end()),
    };
    fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}
