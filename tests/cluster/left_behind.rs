//! What may differ on a machine after a cluster was removed: the one list of it, with the reason for each.

use std::sync::LazyLock;

use regex::RegexSet;

/// What a cluster leaves on a machine, by the names that a snapshot gives things, and why it stays.
const LEFT: [(&str, &str); 0] = [];

/// What differs between any two looks at any machine.
const MOVING: [(&str, &str); 2] = [
    (r"kernel setting net\.netfilter\.nf_conntrack_count", "the kernel counts there"),
    (r"file /run/motd\.dynamic", "every login makes it"),
];

/// Tells whether the list has it.
pub(crate) fn is_known(name: &str) -> bool {
    static SET: LazyLock<RegexSet> = LazyLock::new(|| {
        let patterns = LEFT.iter().chain(&MOVING).map(|(pattern, _)| format!("^(?:{pattern})$"));
        RegexSet::new(patterns).unwrap()
    });
    SET.is_match(name)
}
