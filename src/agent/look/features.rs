//! What the kernel can do and what this machine lets us do.

use std::fs;
use std::path::{Path, PathBuf};

/// What Kubernetes needs of a kernel: its name for people, and the module that brings it where it is not built in.
const NEEDED: [(&str, &str, Present); 4] = [
    ("overlayfs", "overlay", Present::FileSystem("overlay")),
    ("bridge netfilter", "br_netfilter", Present::Path("/proc/sys/net/bridge/bridge-nf-call-iptables")),
    ("nf_tables", "nf_tables", Present::NetLink),
    ("connection tracking", "nf_conntrack", Present::Path("/proc/sys/net/netfilter/nf_conntrack_max")),
];

/// How a feature shows that it is there without a module.
#[derive(Clone, Copy)]
enum Present {
    FileSystem(&'static str),
    Path(&'static str),
    NetLink,
}

/// Returns the names of features that are neither there nor to be had as a module.
pub(super) fn missing() -> Vec<String> {
    let modules = module_list();
    NEEDED
        .iter()
        .filter(|(_, module, present)| !is_present(*present) && !is_module(&modules, module))
        .map(|(name, ..)| (*name).to_owned())
        .collect()
}

fn is_present(present: Present) -> bool {
    match present {
        Present::FileSystem(name) => fs::read_to_string("/proc/filesystems")
            .is_ok_and(|text| text.lines().any(|line| line.split_whitespace().last() == Some(name))),
        Present::Path(path) => Path::new(path).exists(),
        // A kernel without netfilter's netlink has no such line; one with it built in has no module to look for.
        Present::NetLink => {
            Path::new("/proc/net/netfilter").exists() || Path::new("/proc/sys/net/netfilter").exists()
        }
    }
}

/// Returns the lists of modules that depmod and the kernel's build left.
fn module_list() -> String {
    let release = super::system::kernel();
    ["modules.dep", "modules.builtin"]
        .iter()
        .filter_map(|file| fs::read_to_string(PathBuf::from("/lib/modules").join(&release).join(file)).ok())
        .collect()
}

/// Tells whether a module of this name is listed, in any of the forms that distributions compress them to.
fn is_module(list: &str, name: &str) -> bool {
    list.lines().any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        file.split('.').next().is_some_and(|stem| stem.replace('-', "_") == name)
    })
}

/// Tells whether a process may lower its oom_score_adj: the capability CAP_SYS_RESOURCE, bit 24.
pub(super) fn may_lower_oom_score() -> bool {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|text| effective(&text))
        .is_none_or(|set| set & (1 << 24) != 0)
}

fn effective(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

/// Tells whether the connection-tracking limit can be set; in a network namespace it is read-only.
pub(super) fn may_set_conntrack() -> bool {
    let path = Path::new("/proc/sys/net/netfilter/nf_conntrack_max");
    !path.exists() || fs::OpenOptions::new().write(true).open(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_in_every_form() {
        let list = "kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz\nkernel/fs/overlayfs/overlay.ko\n\
            kernel/net/netfilter/nf-conntrack.ko.zst:\n";
        for name in ["br_netfilter", "overlay", "nf_conntrack"] {
            assert!(is_module(list, name), "{name}");
        }
        assert!(!is_module(list, "bridge"), "a dependency is not the module itself");
    }

    #[test]
    fn capabilities_are_read() {
        assert_eq!(effective("Name:\tx\nCapEff:\t000001fffeffffff\n"), Some(0x01ff_feff_ffff));
    }
}
