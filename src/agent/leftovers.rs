//! What kubeadm's reset leaves behind: interfaces, tables of rules, directories. Only what was not there before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::command::{Command, Tell};
use super::look::runtimes::Made;
use super::look::{network, traces};
use super::namespaces;
use crate::distribute::remove;
use crate::error::{Class, Context, Result};
use crate::model::Baseline;

/// Interfaces that pod networks make. `docker0` is a cluster's only where its image brought Docker.
const INTERFACES: [&str; 10] = [
    "cni0",
    "flannel.",
    "flannel-",
    "vxlan.calico",
    "cali",
    "cilium_",
    "lxc",
    "kube-ipvs0",
    "kube-bridge",
    "nodelocaldns",
];

/// Chains of kube-proxy, kubelet, CNI plugins and pod networks.
const CHAINS: [&str; 6] = ["KUBE-", "CNI-", "FLANNEL-", "cali-", "CILIUM_", "VIRTUAL-"];

/// Removes what is left on the machine, given how it was before and what the cluster's runtime makes.
pub(super) fn remove_all(before: &Baseline, runtime: &Made, tell: Tell<'_>) -> Result<()> {
    remove_interfaces(before, runtime, tell)?;
    remove_tables(before, tell);
    for program in ["iptables", "ip6tables"] {
        remove_chains(program, runtime, tell);
    }
    remove_directories(before, runtime, tell)
}

fn remove_interfaces(before: &Baseline, runtime: &Made, tell: Tell<'_>) -> Result<()> {
    for interface in network::interfaces()? {
        let known = before.interfaces.contains(&interface.name);
        let mut makers = INTERFACES.iter().chain(runtime.names);
        if known || !makers.any(|prefix| interface.name.starts_with(prefix)) {
            continue;
        }
        tell(&format!("removing the interface {}", interface.name));
        Command::new("ip", ["link", "delete", &interface.name]).output()?;
    }
    Ok(())
}

/// Returns the tables of nftables as `family name`; none where there is no `nft`.
pub(super) fn nft_tables() -> BTreeSet<String> {
    let listed = Command::new("nft", ["list", "tables"]).output().unwrap_or_default();
    listed
        .lines()
        .filter_map(|line| line.strip_prefix("table "))
        .map(|table| table.trim().to_owned())
        .collect()
}

/// Tables that were not there before go whole, if a cluster makes tables of that name.
///
/// The tables of iptables are among them: where nobody used iptables before, they did not exist.
fn remove_tables(before: &Baseline, tell: Tell<'_>) {
    const OURS: [&str; 12] = [
        "kube-proxy",
        "flannel-ipv4",
        "flannel-ipv6",
        "cni_hostport",
        "cni_plugins_masquerade",
        "cilium",
        "calico",
        "filter",
        "nat",
        "mangle",
        "raw",
        "security",
    ];
    for table in nft_tables().difference(&before.nft_tables) {
        let mut words = vec!["delete", "table"];
        words.extend(table.split_whitespace());
        if words.last().is_some_and(|name| OURS.contains(name)) {
            tell(&format!("removing the nftables table {table}"));
            // A table that goes away by itself meanwhile is gone as well.
            let _ = Command::new("nft", words).output();
        }
    }
}

/// Takes a cluster's chains out of tables that were there before, and leaves every other rule as it is.
fn remove_chains(program: &str, runtime: &Made, tell: Tell<'_>) {
    let Ok(rules) = Command::new(&format!("{program}-save"), [] as [&str; 0]).output() else { return };
    let kept = without_chains(&rules, runtime);
    if kept == rules {
        return;
    }
    tell(&format!("removing the cluster's chains of {program}"));
    if let Err(problem) = Command::new(&format!("{program}-restore"), [] as [&str; 0]).reading(kept).output()
    {
        tell(&problem.to_string());
    }
}

fn without_chains(rules: &str, runtime: &Made) -> String {
    let ours = |line: &&str| {
        CHAINS.iter().any(|chain| line.contains(chain)) || runtime.names.iter().any(|name| names(line, name))
    };
    rules.split_inclusive('\n').filter(|line| !ours(line)).collect()
}

/// Whether a line of iptables-save is about a chain or an interface, or one whose name goes on with a dash. Comments do not count,
/// and an engine that has the machine as a container keeps chains such as `DOCKER_OUTPUT` there.
fn names(line: &str, name: &str) -> bool {
    let is_it =
        |word: &str| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    if line.strip_prefix(':').is_some_and(|rest| rest.split(' ').next().is_some_and(is_it)) {
        return true;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).any(|pair| ["-A", "-j", "-g", "-i", "-o"].contains(&pair[0]) && is_it(pair[1]))
}

/// Deletes what a cluster makes and was not there before. A mount below stops it: volumes hold people's data.
fn remove_directories(before: &Baseline, runtime: &Made, tell: Tell<'_>) -> Result<()> {
    for path in traces::OF_A_CLUSTER.into_iter().chain(runtime.lacking(before)) {
        let was_lacking = before.lacked(path);
        let path = Path::new(path);
        if !was_lacking || !path.exists() {
            continue;
        }
        if path == Path::new(namespaces::DIRECTORY) {
            namespaces::remove_directory()?;
            continue;
        }
        if crate::distribute::mounts::all_mounts()?.iter().any(|mount| mount.point == path) {
            // The machine's owner mounted a disk here: it is emptied, never taken away.
            tell(&format!("emptying {}, which is a mount of its own", path.display()));
            remove::empty_tree(path)?;
            continue;
        }
        tell(&format!("removing {}", path.display()));
        remove::remove_tree(path)?;
        remove_empty_parent(path)?;
    }
    Ok(())
}

/// `/usr/libexec` and `/opt` belong to the system; what a cluster alone filled goes when it is empty.
fn remove_empty_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent().filter(|parent| *parent == Path::new("/usr/libexec")) else {
        return Ok(());
    };
    match fs::read_dir(parent).map(|mut entries| entries.next().is_none()) {
        Ok(true) => fs::remove_dir(parent)
            .problem_with(Class::Machine, || format!("cannot remove {}", parent.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::look::runtimes;

    #[test]
    fn only_a_clusters_chains_are_taken_out() {
        let rules = "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n-A PREROUTING -j KUBE-SERVICES\n\
            -A PREROUTING -p tcp -j MINE\n-A POSTROUTING -m comment --comment \"flanneld masq\" -j FLANNEL-POSTRTG\nCOMMIT\n";
        let [containerd, docker] = ["containerd.sock", "cri-dockerd.sock"].map(runtimes::made_by);
        assert_eq!(
            without_chains(rules, containerd),
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j MINE\nCOMMIT\n"
        );
        assert_eq!(without_chains("*nat\nCOMMIT\n", docker), "*nat\nCOMMIT\n");
        let rules = "*nat\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n:DOCKER_OUTPUT - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n\
            -A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT\n\
            -A INPUT -m comment --comment \"for the DOCKER host\" -j ACCEPT\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n";
        assert_eq!(
            without_chains(rules, docker),
            "*nat\n:DOCKER_OUTPUT - [0:0]\n-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT\n\
            -A INPUT -m comment --comment \"for the DOCKER host\" -j ACCEPT\nCOMMIT\n"
        );
        assert_eq!(without_chains(rules, containerd), rules, "somebody's own Docker");
    }
}
