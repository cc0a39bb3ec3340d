//! What may differ on a machine after a cluster was removed: the one list of it, with the reason for each.

use std::sync::LazyLock;

use regex::RegexSet;

/// Patterns of what a snapshot calls things, and why they differ.
const KNOWN: [(&str, &str); 0] = [];

/// Tells whether the list has it.
pub(crate) fn is_known(name: &str) -> bool {
    static SET: LazyLock<RegexSet> =
        LazyLock::new(|| RegexSet::new(KNOWN.map(|(pattern, _)| format!("^(?:{pattern})$"))).unwrap());
    SET.is_match(name)
}
