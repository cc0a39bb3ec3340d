//! What may differ on a machine after a cluster was removed: the one list of it, with the reason for each.

use std::sync::LazyLock;

use regex::RegexSet;

/// What a cluster leaves on a machine, by the names that a snapshot gives things, and why it stays.
const LEFT: [(&str, &str); 1] = [(
    r"kernel setting (kernel\.panic|kernel\.panic_on_oops|vm\.overcommit_memory|kernel\.keys\.root_maxkeys|kernel\.keys\.root_maxbytes)",
    "kubelet sets them in its kernel; a container's kernel is its host's, where other machines' kubelets need them",
)];

/// What differs between any two looks at any machine.
const MOVING: [(&str, &str); 1] = [(
    r"kernel setting (fs\.(dentry-state|file-nr|inode-nr|inode-state)|kernel\.(ns_last_pid|random\.(uuid|entropy_avail)|pty\.nr)|net\.netfilter\.nf_conntrack_count)",
    "the kernel counts there",
)];

/// Tells whether the list has it.
pub(crate) fn is_known(name: &str) -> bool {
    static SET: LazyLock<RegexSet> = LazyLock::new(|| {
        let patterns = LEFT.iter().chain(&MOVING).map(|(pattern, _)| format!("^(?:{pattern})$"));
        RegexSet::new(patterns).unwrap()
    });
    SET.is_match(name)
}
