//! What a container must be to stand for a machine: the request Docker is asked to make it from.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    MountType, MountVolumeOptions, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
};
use ipnet::Ipv4Net;

use super::host;
use super::key::Key;
use super::names::{ClusterName, KEY_LABEL, Place};
use super::network;
use super::privileges::Privileges;

/// What all new machines of a cluster have in common.
#[derive(Debug, Clone)]
pub(super) struct Blueprint {
    pub(super) cluster: ClusterName,
    pub(super) image: String,
    pub(super) network: Ipv4Net,
    pub(super) key: Key,
    pub(super) privileges: Privileges,
    /// Whether the engine's host has kernel modules to show.
    pub(super) modules: bool,
    /// The name servers of the engine's host.
    pub(super) nameservers: Vec<IpAddr>,
    pub(super) user_namespace: Option<String>,
}

/// How long systemd may take to stop everything, in seconds.
const STOP_TIMEOUT: i64 = 30;

impl Blueprint {
    /// Returns the request for the machine at `place`.
    pub(super) fn body(&self, place: Place) -> ContainerCreateBody {
        let mut labels = self.cluster.labels();
        labels.extend(place.labels());
        labels.insert(KEY_LABEL.to_owned(), self.key.fingerprint.clone());
        ContainerCreateBody {
            hostname: Some(place.hostname(&self.cluster)),
            image: Some(self.image.clone()),
            env: Some(self.environment()),
            // Gives systemd a console, and `docker logs` what it says there.
            tty: Some(true),
            labels: Some(labels),
            // systemd's word for "halt".
            stop_signal: Some("SIGRTMIN+3".to_owned()),
            stop_timeout: Some(STOP_TIMEOUT),
            host_config: Some(self.host_config()),
            networking_config: Some(self.networking(place)),
            ..Default::default()
        }
    }

    /// What the machine image's entry point reads. Docker's own name server is at a loopback address, which in a pod
    /// would be the pod itself.
    fn environment(&self) -> Vec<String> {
        let mut environment =
            vec!["container=docker".to_owned(), format!("SEALIFT_AUTHORIZED_KEY={}", self.key.public)];
        if !self.nameservers.is_empty() {
            let servers: Vec<String> = self.nameservers.iter().map(ToString::to_string).collect();
            environment.push(format!("SEALIFT_NAMESERVERS={}", servers.join(" ")));
        }
        environment
    }

    fn host_config(&self) -> HostConfig {
        let common = HostConfig {
            network_mode: Some(self.cluster.network()),
            userns_mode: self.user_namespace.clone(),
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            // An engine can be told to put an init of its own before every process 1.
            init: Some(false),
            tmpfs: Some(temporary_files()),
            mounts: Some(self.mounts()),
            // A reboot of the host brings the cluster back.
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                ..Default::default()
            }),
            log_config: Some(bounded_log()),
            ..Default::default()
        };
        match &self.privileges {
            Privileges::Full => HostConfig { privileged: Some(true), ..common },
            Privileges::Listed(capabilities) => opened_by_name(capabilities, common),
        }
    }

    fn mounts(&self) -> Vec<Mount> {
        let mut mounts = vec![self.variable_data()];
        if self.modules {
            mounts.push(host::modules());
        }
        mounts
    }

    /// An anonymous volume for all of /var: the runtime's overlays cannot stand on the container's own overlay, and
    /// hard links and renames between the directories in it want one file system.
    fn variable_data(&self) -> Mount {
        Mount {
            typ: Some(MountType::VOLUME),
            target: Some("/var".to_owned()),
            volume_options: Some(MountVolumeOptions {
                labels: Some(self.cluster.labels()),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn networking(&self, place: Place) -> NetworkingConfig {
        let endpoint = network::endpoint(&self.cluster, place, self.network);
        NetworkingConfig { endpoints_config: Some(HashMap::from([(self.cluster.network(), endpoint)])) }
    }
}

/// Docker's default would forbid to run programs there, which installers and runtimes do.
fn temporary_files() -> HashMap<String, String> {
    [("/run", "rw,nosuid,nodev,exec,mode=755"), ("/tmp", "rw,nosuid,nodev,exec,mode=1777")]
        .map(|(path, options)| (path.to_owned(), options.to_owned()))
        .into()
}

/// systemd's console says little, but a machine may live for long.
fn bounded_log() -> HostConfigLogConfig {
    let options = [("max-size", "5m"), ("max-file", "2")];
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(options.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
    }
}

/// What `--privileged` opens, one by one, where the host cannot give all capabilities.
fn opened_by_name(capabilities: &[&str], common: HostConfig) -> HostConfig {
    let kernel_log = "/dev/kmsg".to_owned();
    HostConfig {
        cap_add: Some(capabilities.iter().map(|&name| name.to_owned()).collect()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(
            ["seccomp=unconfined", "apparmor=unconfined", "label=disable"].map(str::to_owned).into(),
        ),
        // Empty, not absent: nothing of /proc and /sys is hidden or read-only.
        masked_paths: Some(vec![]),
        readonly_paths: Some(vec![]),
        // kubelet does not start without the kernel's log.
        devices: Some(vec![DeviceMapping {
            path_on_host: Some(kernel_log.clone()),
            path_in_container: Some(kernel_log),
            cgroup_permissions: Some("rwm".to_owned()),
        }]),
        device_cgroup_rules: Some(vec!["a *:* rwm".to_owned()]),
        ..common
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::Role;

    fn blueprint(privileges: Privileges, modules: bool, nameservers: &[&str]) -> Blueprint {
        Blueprint {
            cluster: ClusterName::new("blue").unwrap(),
            image: "sealift/machine:bookworm".to_owned(),
            network: "172.29.3.0/24".parse().unwrap(),
            key: Key {
                path: PathBuf::from("id_ed25519"),
                public: "ssh-ed25519 AAAA sealift-blue".to_owned(),
                fingerprint: "SHA256:abc".to_owned(),
            },
            privileges,
            modules,
            nameservers: nameservers.iter().map(|server| server.parse().unwrap()).collect(),
            user_namespace: None,
        }
    }

    fn snapshot(name: &str, blueprint: &Blueprint, place: Place) {
        insta::with_settings!({ sort_maps => true }, {
            insta::assert_json_snapshot!(name, blueprint.body(place));
        });
    }

    #[test]
    fn a_privileged_machine() {
        let place = Place { role: Role::ControlPlane, index: 1 };
        snapshot("privileged", &blueprint(Privileges::Full, true, &["192.0.2.53", "192.0.2.54"]), place);
    }

    #[test]
    fn a_machine_on_a_confined_host() {
        let place = Place { role: Role::Worker, index: 2 };
        snapshot("listed", &blueprint(Privileges::Listed(vec!["NET_ADMIN", "SYS_ADMIN"]), false, &[]), place);
    }
}
