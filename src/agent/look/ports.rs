//! Which ports something listens on, and what.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The state of a listening socket in /proc/net/tcp.
const LISTEN: &str = "0A";

/// Returns those of `wanted` that are taken, with the program that took them.
pub(super) fn taken(wanted: &[u16]) -> BTreeMap<u16, String> {
    let mut inodes: BTreeMap<String, u16> = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        inodes.extend(listening(&text).filter(|(_, port)| wanted.contains(port)));
    }
    if inodes.is_empty() {
        return BTreeMap::new();
    }
    let owners = owners(&inodes.keys().map(String::as_str).collect());
    inodes
        .into_iter()
        .map(|(inode, port)| {
            (port, owners.get(&inode).cloned().unwrap_or_else(|| "an unknown program".to_owned()))
        })
        .collect()
}

/// Reads the sockets' inodes and ports out of a table as proc(5) describes it.
fn listening(table: &str) -> impl Iterator<Item = (String, u16)> + '_ {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if *fields.get(3)? != LISTEN {
            return None;
        }
        let (_, port) = fields.get(1)?.rsplit_once(':')?;
        Some(((*fields.get(9)?).to_owned(), u16::from_str_radix(port, 16).ok()?))
    })
}

/// Finds the processes that hold these sockets.
fn owners(inodes: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in
        processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
    {
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            let Ok(target) = fs::read_link(file.path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            let Some(inode) = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) else {
                continue;
            };
            if inodes.contains(inode) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                let owner = format!("{} (process {})", name.trim(), process.file_name().to_string_lossy());
                owners.insert(inode.to_owned(), owner);
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_listened_on_is_found_with_its_program() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = taken(&[port]);
        assert!(taken[&port].contains(&format!("process {}", std::process::id())), "{taken:?}");
        drop(listener);
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx rx tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n\
             1: 0100007F:1F91 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 4243 1\n";
        assert_eq!(listening(table).collect::<Vec<_>>(), [("4242".to_owned(), 8080)]);
    }
}
