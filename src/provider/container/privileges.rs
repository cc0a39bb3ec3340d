//! How much a machine's container may do: everything, or by name what the engine's host can give.

use crate::error::{Class, Problem, Result};

/// Linux's capabilities by their numbers (`linux/capability.h`, up to CAP_CHECKPOINT_RESTORE of 5.9).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// How many of them Docker 20.10 knows: a privileged container gets no more, and naming one is an error.
const KNOWN_TO_20_10: usize = 38;

/// The minor number of the API version 1.x that came with Docker 23, the first release after 20.10.
const API_OF_DOCKER_23: usize = 42;

/// What systemd, kubelet and a pod network cannot do without.
const NEEDED: [&str; 4] = ["SYS_ADMIN", "NET_ADMIN", "SYS_CHROOT", "MKNOD"];

/// What a machine's container is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Privileges {
    /// Docker's `--privileged`.
    Full,
    /// These capabilities, everything else opened as `--privileged` would.
    Listed(Vec<&'static str>),
}

/// The capabilities of the engine's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The bounding set, one bit a capability: `CapBnd` of `/proc/PID/status`.
    pub(super) set: u64,
    /// The kernel's last capability: `/proc/sys/kernel/cap_last_cap`.
    pub(super) last: usize,
}

/// Chooses the privileges an engine with API version 1.`api_minor` can give within `bounds`.
///
/// `--privileged` asks for every capability that the engine and the kernel know, and fails when one is missing from
/// the bounding set.
pub(super) fn choose(bounds: Bounds, api_minor: usize) -> Result<Privileges> {
    let known = if api_minor >= API_OF_DOCKER_23 { CAPABILITIES.len() } else { KNOWN_TO_20_10 };
    let asked = &CAPABILITIES[..known.min(bounds.last + 1)];
    let given: Vec<&'static str> = asked
        .iter()
        .enumerate()
        .filter(|(number, _)| bounds.set & (1 << number) != 0)
        .map(|(_, name)| *name)
        .collect();
    if let Some(missing) = NEEDED.iter().find(|needed| !given.contains(*needed)) {
        return Err(Problem::new(
            Class::Machine,
            format!("the Docker Engine's host cannot give a container the capability {missing}"),
        )
        .saw(format!("CapBnd {:016x}", bounds.set))
        .remedy("run the engine where it is root of the whole machine, not itself in a confined container"));
    }
    Ok(if given.len() == asked.len() { Privileges::Full } else { Privileges::Listed(given) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = (1 << 41) - 1;
    const WITHOUT_SYS_RESOURCE: u64 = ALL & !(1 << 24);

    #[test]
    fn a_host_that_gives_everything_gives_it_at_once() {
        for (set, last, api) in
            [(ALL, 40, 52), (ALL, 40, 41), ((1 << 38) - 1, 37, 52), ((1 << 38) - 1, 40, 41)]
        {
            assert_eq!(choose(Bounds { set, last }, api).unwrap(), Privileges::Full, "{set:x} {last} {api}");
        }
    }

    #[test]
    fn a_confined_host_gives_by_name_what_the_engine_knows() {
        for (api, count) in [(41, 37), (42, 40), (52, 40)] {
            let Privileges::Listed(names) =
                choose(Bounds { set: WITHOUT_SYS_RESOURCE, last: 40 }, api).unwrap()
            else {
                panic!("privileged would fail with API 1.{api}");
            };
            assert_eq!(names.len(), count, "{api}");
            assert!(!names.contains(&"SYS_RESOURCE") && names.contains(&"SYS_ADMIN"), "{names:?}");
            assert_eq!(names.contains(&"BPF"), api >= 42);
        }
    }

    #[test]
    fn a_host_without_what_is_needed_is_refused() {
        let problem = choose(Bounds { set: ALL & !(1 << 21), last: 40 }, 41).unwrap_err();
        assert!(problem.message.contains("SYS_ADMIN"), "{problem}");
    }

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, name) in [(12, "NET_ADMIN"), (21, "SYS_ADMIN"), (24, "SYS_RESOURCE"), (38, "PERFMON")] {
            assert_eq!(CAPABILITIES[number], name);
        }
    }
}
