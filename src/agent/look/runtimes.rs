//! What container runtimes make on a machine, beyond their data, that is a cluster's only where its image brought them.

use crate::model::Baseline;

/// A container runtime's own interfaces, rules and directories.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::agent) struct Made {
    /// The socket by which kubelet speaks to it, without the directory.
    socket: &'static str,
    /// Its interfaces and chains; those whose names go on with a dash are its own as well.
    pub(in crate::agent) names: &'static [&'static str],
    /// Its directories.
    directories: &'static [&'static str],
}

impl Made {
    /// Returns those of its directories that were looked for before it came and were not there; whoever looked for none of them
    /// knows of none that it is the cluster's.
    pub(in crate::agent) fn lacking<'a>(
        &self,
        before: &'a Baseline,
    ) -> impl Iterator<Item = &'static str> + use<'a> {
        let looked_for = |path: &&str| before.looked_for.contains(*path) && before.lacked(path);
        self.directories.iter().copied().filter(looked_for)
    }
}

const DOCKER: Made = Made {
    socket: "cri-dockerd.sock",
    names: &["docker0", "DOCKER"],
    directories: &["/etc/docker", "/opt/containerd", "/run/containerd", "/run/docker"],
};

/// What it shares with Podman and its kin, such as `/var/lib/containers` and `/run/crun`, is left to them.
const CRIO: Made = Made {
    socket: "crio.sock",
    names: &[],
    directories: &[
        "/etc/crio",
        "/run/crio",
        "/run/ipcns",
        "/run/pidns",
        "/run/userns",
        "/run/utsns",
        "/var/log/crio",
    ],
};

/// Of containerd all is known to every cluster.
const OTHER: Made = Made { socket: "", names: &[], directories: &[] };

/// Returns what the runtime makes that listens at a socket.
pub(in crate::agent) fn made_by(socket: &str) -> &'static Made {
    let name = socket.rsplit('/').next().unwrap_or_default();
    [&DOCKER, &CRIO].into_iter().find(|made| made.socket == name).unwrap_or(&OTHER)
}

/// Returns the directories of all of them.
pub(in crate::agent) fn directories() -> impl Iterator<Item = &'static str> {
    [&DOCKER, &CRIO].into_iter().flat_map(|made| made.directories).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_known_by_its_socket_wherever_that_is() {
        for (socket, made) in [
            ("/var/run/cri-dockerd.sock", &DOCKER),
            ("/run/cri-dockerd.sock", &DOCKER),
            ("/var/run/crio/crio.sock", &CRIO),
            ("/var/run/containerd/containerd.sock", &OTHER),
            ("", &OTHER),
        ] {
            assert_eq!(made_by(socket), made, "{socket}");
        }
    }

    #[test]
    fn only_what_was_looked_for_in_vain_is_a_runtimes_own() {
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let before = Baseline {
            looked_for: set(&["/etc/docker", "/run/docker"]),
            paths: set(&["/etc/docker"]),
            ..Baseline::default()
        };
        assert_eq!(DOCKER.lacking(&before).collect::<Vec<_>>(), ["/run/docker"]);
        assert_eq!(
            DOCKER.lacking(&Baseline::default()).count(),
            0,
            "an older version looked for none of them"
        );
    }
}
