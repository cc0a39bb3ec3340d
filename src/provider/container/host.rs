//! Looks at the engine's host with a short-lived container: what it can give, and whether there is room.
//!
//! The engine may be on another machine or in a confined container, so it is its host that is asked, not this one.

use std::net::IpAddr;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptionsBuilder};
use futures_util::TryStreamExt as _;
use ipnet::IpNet;

use super::engine::{Engine, if_there, refused, status, words};
use super::names::ClusterName;
use super::privileges::Bounds;
use super::subnet;
use crate::error::{Class, Problem, Result};

/// Where a Linux host keeps its kernel's modules.
const MODULES: &str = "/lib/modules";

/// Prints one fact a line, then the routes. Process 1 of the host has what the engine can give.
const QUESTIONS: &str = "
sed -n 's/^CapBnd:/capabilities/p' /proc/1/status
echo last-capability $(cat /proc/sys/kernel/cap_last_cap)
sed -n 's/^MemAvailable:/memory/p' /proc/meminfo
echo inotify-instances $(cat /proc/sys/fs/inotify/max_user_instances)
stat -f -c 'disk %a %S' /
grep '^nameserver' /etc/resolv.conf
cat /proc/net/route
";

/// What was seen of the engine's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) bounds: Bounds,
    /// What its routing table reaches, without default routes.
    pub(super) routes: Vec<IpNet>,
    /// Whether there are kernel modules to show to machines.
    pub(super) modules: bool,
    /// The name servers it asks, without those that only it can reach at a loopback address.
    pub(super) nameservers: Vec<IpAddr>,
    room: Room,
}

/// What there is for new machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    /// Memory in MiB.
    memory: u64,
    /// Disk in MiB where containers and volumes are.
    disk: u64,
    /// `fs.inotify.max_user_instances`, which all machines' root users share.
    inotify_instances: u64,
}

/// Looks at the engine's host with a container of `image`.
///
/// The container has the cluster's label: one that is left over by a killed sealift goes with the cluster.
pub(super) async fn look(engine: &Engine, cluster: &ClusterName, image: &str) -> Result<Host> {
    let (probe, modules) = create_probe(engine, cluster, image).await?;
    let answers = run_probe(engine, &probe).await;
    remove_probe(engine, &probe).await?;
    read(&answers?, modules)
}

/// Makes the container, with the modules if the host has some, and returns its id and whether it has.
async fn create_probe(engine: &Engine, cluster: &ClusterName, image: &str) -> Result<(String, bool)> {
    let create = |mounts| {
        engine.docker.create_container(None::<CreateContainerOptions>, body(engine, cluster, image, mounts))
    };
    let not_made = || refused("make a container to look at its host");
    match create(vec![modules()]).await {
        Ok(made) => Ok((made.id, true)),
        Err(error) if status(&error) == Some(400) && words(&error).contains("source path does not exist") => {
            Ok((create(vec![]).await.map_err(not_made())?.id, false))
        }
        Err(error) => Err(not_made()(error)),
    }
}

fn body(engine: &Engine, cluster: &ClusterName, image: &str, mounts: Vec<Mount>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), QUESTIONS.to_owned()]),
        labels: Some(cluster.labels()),
        host_config: Some(HostConfig {
            network_mode: Some("host".to_owned()),
            pid_mode: Some("host".to_owned()),
            userns_mode: engine.user_namespace(),
            mounts: Some(mounts),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The host's kernel modules, read-only; kubeadm and kube-proxy look for them.
pub(super) fn modules() -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(MODULES.to_owned()),
        target: Some(MODULES.to_owned()),
        read_only: Some(true),
        ..Default::default()
    }
}

async fn run_probe(engine: &Engine, probe: &str) -> Result<String> {
    engine
        .docker
        .start_container(probe, None)
        .await
        .map_err(refused("start a container to look at its host"))?;
    // An exit code other than 0 is a fact that could not be read; what is needed is missed when it is read.
    let _: Result<Vec<_>, _> = engine.docker.wait_container(probe, None).try_collect().await;
    engine.output(probe).await.map_err(refused("tell what a container wrote"))
}

async fn remove_probe(engine: &Engine, probe: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    if_there(engine.docker.remove_container(probe, Some(options)).await)
        .map_err(refused("remove the container that looked at its host"))?;
    Ok(())
}

/// Reads the answers to [`QUESTIONS`].
fn read(answers: &str, modules: bool) -> Result<Host> {
    let missing = |fact: &str| {
        Problem::new(Class::Machine, format!("the Docker Engine's host did not tell its {fact}"))
            .saw(answers.trim())
            .remedy("use a machine image built by `images/machine/build.sh`")
    };
    let fact = |name: &str| {
        let mut words = answers.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace();
        words.next().map(|first| (first, words.next()))
    };
    let number = |name: &str| fact(name).and_then(|(number, _)| number.parse::<u64>().ok());
    let disk = fact("disk").and_then(|(blocks, size)| {
        Some(blocks.parse::<u64>().ok()?.saturating_mul(size?.parse().ok()?) / (1 << 20))
    });
    let set = fact("capabilities").and_then(|(set, _)| u64::from_str_radix(set, 16).ok());
    let last = number("last-capability").and_then(|last| usize::try_from(last).ok());
    Ok(Host {
        bounds: Bounds {
            set: set.ok_or_else(|| missing("capabilities"))?,
            last: last.ok_or_else(|| missing("last capability"))?,
        },
        routes: subnet::routes(answers),
        modules,
        nameservers: nameservers(answers),
        room: Room {
            memory: number("memory").ok_or_else(|| missing("free memory"))? / 1024,
            disk: disk.ok_or_else(|| missing("free disk space"))?,
            inotify_instances: number("inotify-instances").ok_or_else(|| missing("inotify limit"))?,
        },
    })
}

fn nameservers(answers: &str) -> Vec<IpAddr> {
    let addresses =
        answers.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
    addresses.filter(|address| !address.is_loopback()).collect()
}

/// Memory that a control plane takes before any workload, in MiB, and a worker.
const CONTROL_PLANE_MEMORY: u64 = 900;
const WORKER_MEMORY: u64 = 400;
/// Disk that the images of a plain cluster take on each machine, unpacked, in MiB.
const MACHINE_DISK: u64 = 3072;
/// What systemd, the runtime and kubelet of one machine use of `fs.inotify.max_user_instances`.
const MACHINE_INOTIFY: u64 = 60;

impl Host {
    /// Returns what there is too little of for so many new machines; empty is good.
    pub(super) fn shortages(&self, control_planes: usize, workers: usize) -> Vec<Problem> {
        let (control_planes, workers) = (control_planes as u64, workers as u64);
        let machines = control_planes + workers;
        let memory = control_planes * CONTROL_PLANE_MEMORY + workers * WORKER_MEMORY;
        let short = |what: &str, needed: u64, seen: u64, unit: &str, remedy: &str| {
            (seen < needed).then(|| {
                Problem::new(
                    Class::Machine,
                    format!("the Docker Engine's host is short of {what} for {machines} new machines"),
                )
                .saw(format!("{seen} {unit}, about {needed} needed"))
                .remedy(remedy)
            })
        };
        let inotify = "sudo sysctl fs.inotify.max_user_instances=8192";
        [
            short(
                "memory",
                memory,
                self.room.memory,
                "MiB free",
                "stop other programs or make fewer machines",
            ),
            short("disk space", machines * MACHINE_DISK, self.room.disk, "MiB free", "docker system prune"),
            short(
                "inotify instances",
                machines * MACHINE_INOTIFY,
                self.room.inotify_instances,
                "allowed",
                inotify,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: &str = "\
capabilities\t000001fffeffffff
last-capability 40
memory        4194304 kB
inotify-instances 128
disk 2621440 4096
nameserver 127.0.0.53
nameserver 192.0.2.53
nameserver fd00::53
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";

    #[test]
    fn answers_are_read() {
        let host = read(ANSWERS, false).unwrap();
        assert_eq!(host.bounds, Bounds { set: 0x0000_01ff_feff_ffff, last: 40 });
        assert_eq!(host.room, Room { memory: 4096, disk: 10240, inotify_instances: 128 });
        assert_eq!(host.routes, ["172.17.0.0/16".parse().unwrap()]);
        let nameservers: Vec<String> = host.nameservers.iter().map(ToString::to_string).collect();
        assert_eq!(nameservers, ["192.0.2.53", "fd00::53"]);
        assert!(!host.modules);
    }

    #[test]
    fn an_answer_that_is_missing_is_named() {
        for (start, fact) in [("capabilities", "capabilities"), ("memory", "memory"), ("disk", "disk space")]
        {
            let others: Vec<&str> = ANSWERS.lines().filter(|line| !line.starts_with(start)).collect();
            let problem = read(&others.join("\n"), true).unwrap_err();
            assert!(problem.message.contains(fact), "{problem}");
        }
    }

    #[test]
    fn too_little_room_is_told_before_it_is_used() {
        let host = read(ANSWERS, true).unwrap();
        for (control_planes, workers, short) in [
            (0, 0, vec![]),
            (1, 1, vec![]),
            (1, 2, vec!["inotify"]),
            (3, 1, vec!["disk", "inotify"]),
            (5, 0, vec!["memory", "disk", "inotify"]),
        ] {
            let shortages = host.shortages(control_planes, workers);
            assert_eq!(shortages.len(), short.len(), "{control_planes}+{workers}: {shortages:?}");
            for (problem, what) in shortages.iter().zip(short) {
                assert!(problem.message.contains(what), "{problem}");
            }
        }
    }
}
