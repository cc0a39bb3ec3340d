//! The names by which a layer says that something of a lower layer is gone.
//!
//! They are those of the OCI image specification, layer.md, "Whiteouts". An unpacked layer keeps them as
//! empty files, so that its tree says all that its tar said and layers can be unpacked in any order.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a file's name in a layer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// The file itself.
    Plain,
    /// This name is gone from the lower layers.
    Gone(&'a OsStr),
    /// All the directory held in lower layers is gone.
    Opaque,
    /// Book-keeping of AUFS, which no tree shows.
    Bookkeeping,
    /// A marker for `.`, `..` or no name at all, which no honest layer has.
    Wrong,
}

/// Returns what the file name `name` means.
pub(super) fn meaning(name: &OsStr) -> Meaning<'_> {
    let Some(rest) = name.as_bytes().strip_prefix(PREFIX) else { return Meaning::Plain };
    match rest {
        _ if name.as_bytes() == OPAQUE => Meaning::Opaque,
        b"" | b"." | b".." => Meaning::Wrong,
        _ if rest.starts_with(PREFIX) => Meaning::Bookkeeping,
        _ => Meaning::Gone(OsStr::from_bytes(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_the_specification_says() {
        for (name, expected) in [
            ("kubelet", Meaning::Plain),
            (".wh", Meaning::Plain),
            ("x.wh.y", Meaning::Plain),
            (".wh.kubelet", Meaning::Gone(OsStr::new("kubelet"))),
            (".wh..hidden", Meaning::Gone(OsStr::new(".hidden"))),
            (".wh.wh.", Meaning::Gone(OsStr::new("wh."))),
            (".wh..wh..opq", Meaning::Opaque),
            (".wh..wh.plnk", Meaning::Bookkeeping),
            (".wh.", Meaning::Wrong),
            (".wh..", Meaning::Wrong),
            (".wh...", Meaning::Wrong),
        ] {
            assert_eq!(meaning(OsStr::new(name)), expected, "{name}");
        }
    }
}
