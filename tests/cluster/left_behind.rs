//! What may differ on a machine after a cluster was removed: the one list of it, with the reason for each.

use std::sync::LazyLock;

use regex::RegexSet;

/// What a cluster leaves on a machine, by the names that a snapshot gives things, and why it stays.
const LEFT: [(&str, &str); 3] = [
    (
        r"file /run/xtables\.lock",
        "the lock of every iptables; taken away, two that run at once would not see each other",
    ),
    (r"file /run/systemd/transient", "systemd's own empty directory, made with the first transient unit"),
    (
        r"unit network-online\.target",
        "a state of the boot that care waited for; targets stay reached until the machine is off",
    ),
];

/// What differs between any two looks at any machine, or when it was off meanwhile.
const MOVING: [(&str, &str); 6] = [
    (r"kernel setting net\.netfilter\.nf_conntrack_count", "the kernel counts there"),
    (
        r"file /run/(motd\.dynamic|utmp)|file /var/log/(wtmp|btmp|lastlog)",
        "logins and starts are written there",
    ),
    (r"file /run/sshd\.pid|file /run/systemd/units/invocation:.*", "services get new numbers at every start"),
    (r"file (/var)?/tmp/systemd-private-.*", "services get new directories at every start"),
    (r"socket \S+ 127\.0\.0\.11:\d+", "Docker's name server takes other ports at every start of a container"),
    (r"(iptables-save|nft ip nat:) .*127\.0\.0\.11.*", "and leads to them"),
];

/// Tells whether the list has it.
pub(crate) fn is_known(name: &str) -> bool {
    static SET: LazyLock<RegexSet> = LazyLock::new(|| {
        let patterns = LEFT.iter().chain(&MOVING).map(|(pattern, _)| format!("^(?:{pattern})$"));
        RegexSet::new(patterns).unwrap()
    });
    SET.is_match(name)
}
