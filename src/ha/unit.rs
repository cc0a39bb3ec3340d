//! The systemd unit of `care`.

use std::path::Path;

/// The unit's name.
pub const UNIT: &str = "sealift-care.service";

/// Where the unit is on every machine.
pub const UNIT_FILE: &str = "/etc/systemd/system/sealift-care.service";

/// Returns the unit's text for the program at `binary` and the configuration at `config`, both absolute.
///
/// `systemctl start` returns when the endpoints are open. Nothing in it needs a mount namespace: one would hold
/// on to volumes that kubelet unmounts, and machines that are containers may not make any.
pub fn text(binary: &Path, config: &Path) -> String {
    let (binary, config) = (quoted(binary), quoted(config));
    format!(
        "\
[Unit]
Description=sealift care: the way to the control planes and their registries
After=network.target
Before=containerd.service docker.service cri-docker.service image-cri-shim.service kubelet.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={binary} care --config {config}
Restart=always
RestartSec=1
TimeoutStartSec=30
TimeoutStopSec=5
OOMScoreAdjust=-900
LimitNOFILE=65536
UMask=0077
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"
    )
}

/// Quotes a path so that systemd takes it as one word and expands nothing (systemd.service(5)).
fn quoted(path: &Path) -> String {
    let mut quoted = String::from("\"");
    for letter in path.display().to_string().chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '%' | '$' => quoted.extend([letter, letter]),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_reads_as_it_should() {
        insta::assert_snapshot!(text(
            Path::new("/usr/local/lib/sealift/0123abcd/sealift"),
            Path::new(crate::ha::config::CONFIG_FILE)
        ));
    }

    #[test]
    fn paths_are_one_word() {
        assert_eq!(quoted(Path::new(r#"/a b/50%/$x/"q"\"#)), r#""/a b/50%%/$$x/\"q\"\\""#);
    }
}
