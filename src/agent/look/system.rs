//! The machine and its operating system, as /proc, /sys and /etc tell.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::unreadable;
use crate::error::Result;
use crate::model::ControlGroups;

/// Where systemd-resolved keeps the servers behind its own stub.
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";

pub(in crate::agent) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

pub(in crate::agent) fn machine_id() -> Result<String> {
    let text = fs::read_to_string("/etc/machine-id").map_err(|error| unreadable("the machine-id", error))?;
    Ok(text.trim().to_owned())
}

pub(super) fn product_uuid() -> Option<String> {
    let text = fs::read_to_string("/sys/class/dmi/id/product_uuid").ok()?;
    Some(text.trim().to_owned()).filter(|uuid| !uuid.is_empty())
}

pub(super) fn name() -> String {
    fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| pretty_name(&text))
        .unwrap_or_else(|| "an unknown Linux".to_owned())
}

fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// A unified hierarchy at /sys/fs/cgroup is version 2; one mounted below the old ones does not count.
pub(super) fn control_groups() -> ControlGroups {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        ControlGroups::V2
    } else {
        ControlGroups::V1
    }
}

/// systemd notes what it found itself in; a virtual machine or real one has no such file.
pub(super) fn is_container() -> bool {
    Path::new("/run/systemd/container").exists() || Path::new("/.dockerenv").exists()
}

/// Returns a field of /proc/meminfo in bytes.
pub(super) fn memory(field: &str) -> u64 {
    fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, field)).unwrap_or(0) * 1024
}

fn kilobytes(meminfo: &str, field: &str) -> Option<u64> {
    let value = meminfo.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Returns the name servers that pods will be given.
pub(super) fn nameservers() -> Vec<IpAddr> {
    let own = fs::read_to_string("/etc/resolv.conf").map(|text| servers(&text)).unwrap_or_default();
    if own.iter().all(IpAddr::is_loopback)
        && let Ok(text) = fs::read_to_string(BEHIND_THE_STUB)
    {
        return servers(&text);
    }
    own
}

fn servers(resolv_conf: &str) -> Vec<IpAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_field_by_field() {
        assert_eq!(
            pretty_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n").unwrap(),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(kilobytes("MemTotal:       24689372 kB\nSwapTotal: 0 kB\n", "MemTotal"), Some(24_689_372));
        assert_eq!(servers("# x\nnameserver 10.0.0.2\nsearch a\n nameserver fd00::1 \n").len(), 2);
    }
}
