//! Makes, heals, shrinks and removes machines that are containers, on a real Docker Engine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use sealift::error::Class;
use sealift::model::Role;
use sealift::provider::container::{ContainerProvider, MACHINE_IMAGE, MadeMachine, SSH_USER};

/// Runs a program and returns its standard output; anything but success is the test's failure.
fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let output = Command::new(program.as_ref()).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {said}", program.as_ref().display());
    String::from_utf8(output.stdout).unwrap()
}

fn docker(arguments: &[&str]) -> String {
    run("docker", arguments).trim().to_owned()
}

/// Starts an engine and builds the machine image, unless they are there.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let elsewhere = run(root.join("dev/docker.sh"), &[]);
        assert_eq!(elsewhere, "", "DOCKER_HOST names an engine that does not answer");
        run(root.join("images/machine/build.sh"), &[]);
    });
}

/// A cluster's name and a home directory, which both go with the test, whatever its end.
struct Scene {
    cluster: String,
    home: tempfile::TempDir,
}

impl Scene {
    fn new(what: &str) -> Self {
        prepare();
        Self { cluster: format!("test-{what}-{}", std::process::id()), home: tempfile::tempdir().unwrap() }
    }

    async fn provider(&self) -> ContainerProvider {
        ContainerProvider::connect(self.home.path()).await.unwrap()
    }

    /// The ids of all that Docker has with the cluster's label.
    fn remains(&self) -> Vec<String> {
        remains(&self.cluster)
    }

    /// Everything Docker says about what it has of the cluster.
    fn described(&self) -> Vec<serde_json::Value> {
        let ids = self.remains();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut all: Vec<serde_json::Value> =
            serde_json::from_str(&docker(&[&["inspect"], &ids[..]].concat())).unwrap();
        for one in &mut all {
            // What looks into a container leaves its traces here for a while.
            one.as_object_mut().unwrap().remove("ExecIDs");
        }
        all
    }
}

fn remains(cluster: &str) -> Vec<String> {
    let filter = format!("label=io.sealift.cluster={cluster}");
    [&["ps", "-a"][..], &["network", "ls"], &["volume", "ls"]]
        .iter()
        .flat_map(|list| {
            let listed = docker(&[list, &["-q", "--filter", &filter][..]].concat());
            listed.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

impl Drop for Scene {
    fn drop(&mut self) {
        let filter = format!("label=io.sealift.cluster={}", self.cluster);
        for (list, remove) in [
            (&["ps", "-aq"][..], &["rm", "-fv"][..]),
            (&["network", "ls", "-q"], &["network", "rm"]),
            (&["volume", "ls", "-q"], &["volume", "rm"]),
        ] {
            let listed = Command::new("docker").args(list).args(["--filter", &filter]).output().unwrap();
            for id in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
                Command::new("docker").args(remove).arg(id).output().unwrap();
            }
        }
    }
}

/// Runs a command on a machine through the `ssh` program, which trusts nothing but the machine's pinned key.
fn ssh(machine: &MadeMachine, command: &str) -> String {
    let known_hosts = tempfile::NamedTempFile::new().unwrap();
    fs::write(known_hosts.path(), format!("{} {}\n", machine.address, machine.host_key)).unwrap();
    run(
        "ssh",
        &[
            "-F/dev/null",
            "-oBatchMode=yes",
            "-oIdentitiesOnly=yes",
            "-oStrictHostKeyChecking=yes",
            "-oGlobalKnownHostsFile=/dev/null",
            &format!("-oUserKnownHostsFile={}", known_hosts.path().display()),
            "-i",
            machine.ssh_key.to_str().unwrap(),
            &format!("{SSH_USER}@{}", machine.address),
            command,
        ],
    )
    .trim()
    .to_owned()
}

/// What a runtime and an image's scripts do to a machine, one command a line.
const PROOF_OF_A_MACHINE: &str = "set -e
mkdir -p /var/lib/sealift /var/lib/registry /var/lib/containerd/o/l /var/lib/containerd/o/u /var/lib/containerd/o/w /var/lib/containerd/o/m
echo layer >/var/lib/sealift/layer
ln -f /var/lib/sealift/layer /var/lib/registry/layer
cd /var/lib/containerd/o && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m && umount m
printf '#!/bin/sh\necho ran\n' >/tmp/program && chmod +x /tmp/program && /tmp/program >/dev/null
test -c /dev/kmsg
findmnt -no PROPAGATION /var | grep -q shared
! grep '^nameserver 127' /etc/resolv.conf
grep -q '^NoNewPrivs:.0$' /proc/self/status
sysctl -qw net.ipv4.ip_forward=1
mkdir -p $(ls -d /sys/fs/cgroup/memory /sys/fs/cgroup 2>/dev/null | head -1)/proof && rmdir $(ls -d /sys/fs/cgroup/memory /sys/fs/cgroup 2>/dev/null | head -1)/proof
systemctl show -p SystemState --value
";

fn ids(machines: &[MadeMachine]) -> Vec<&str> {
    machines.iter().map(|machine| machine.container.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_made_kept_healed_and_removed() {
    let scene = Scene::new("story");
    let provider = scene.provider().await;

    let made = make(&provider, &scene, 1, 1).await;
    let names: Vec<_> = made.iter().map(|machine| machine.name.clone()).collect();
    let prefix = format!("sealift-{}", scene.cluster);
    assert_eq!(names, [format!("{prefix}-control-plane-1"), format!("{prefix}-worker-1")]);
    assert_eq!([made[0].role, made[1].role], [Role::ControlPlane, Role::Worker]);
    they_are_machines(&made);

    nothing_changes(&provider, &scene, &made).await;
    another_home_is_refused(&scene).await;
    what_does_not_run_is_started(&provider, &scene, &made).await;
    a_lost_network_comes_back(&provider, &scene, &made).await;
    let again = what_is_gone_is_made_again(&provider, &scene, &made).await;
    some_are_removed(&provider, &scene, &again).await;
    all_is_removed(&provider, &scene).await;
}

/// Asks for machines from a task of its own: the future can go to another thread.
async fn make(provider: &ContainerProvider, scene: &Scene, masters: usize, nodes: usize) -> Vec<MadeMachine> {
    let (provider, cluster) = (provider.clone(), scene.cluster.clone());
    let made = tokio::spawn(async move { provider.ensure(&cluster, masters, nodes, MACHINE_IMAGE).await });
    made.await.unwrap().unwrap()
}

fn they_are_machines(made: &[MadeMachine]) {
    let mut ids = BTreeSet::new();
    for machine in made {
        assert_eq!(ssh(machine, "hostname"), machine.hostname);
        let state = ssh(machine, PROOF_OF_A_MACHINE);
        assert_eq!(state, "running", "{}: {}", machine.name, ssh(machine, "systemctl --failed"));
        assert!(ids.insert(ssh(machine, "cat /etc/machine-id")), "two machines have one id");
        assert!(ids.insert(machine.host_key.clone()), "two machines have one host key");
    }
    let seen = ssh(&made[0], &format!("bash -c 'head -c 4 </dev/tcp/{}/22'", made[1].address));
    assert_eq!(seen, "SSH-", "one machine does not reach the other");
}

async fn nothing_changes(provider: &ContainerProvider, scene: &Scene, made: &[MadeMachine]) {
    let before = scene.described();
    assert_eq!(make(provider, scene, 1, 1).await, made);
    assert_eq!(scene.described(), before);
    assert!(provider.shortages(&scene.cluster, 1, 1, MACHINE_IMAGE).await.unwrap().is_empty());
    assert!(provider.clusters().await.unwrap().contains(&scene.cluster));
}

async fn another_home_is_refused(scene: &Scene) {
    let theirs = tempfile::tempdir().unwrap();
    let provider = ContainerProvider::connect(theirs.path()).await.unwrap();
    let refused = provider.ensure(&scene.cluster, 1, 1, MACHINE_IMAGE).await.unwrap_err();
    assert_eq!(refused.class(), Class::Refused, "{refused}");
    assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
}

async fn what_does_not_run_is_started(provider: &ContainerProvider, scene: &Scene, made: &[MadeMachine]) {
    docker(&["stop", &made[0].name]);
    docker(&["pause", &made[1].name]);
    let states: Vec<_> = provider
        .list(&scene.cluster)
        .await
        .unwrap()
        .into_iter()
        .map(|one| (one.state, one.address))
        .collect();
    let expected = [("exited".to_owned(), made[0].address), ("paused".to_owned(), made[1].address)];
    assert_eq!(states, expected.map(|(state, address)| (state, Some(address))));
    assert_eq!(make(provider, scene, 1, 1).await, made);
    they_are_machines(made);
}

async fn a_lost_network_comes_back(provider: &ContainerProvider, scene: &Scene, made: &[MadeMachine]) {
    let network = format!("sealift-{}", scene.cluster);
    docker(&["network", "disconnect", "-f", &network, &made[0].name]);
    assert_eq!(make(provider, scene, 1, 1).await, made, "a machine that was disconnected");
    docker(&["stop", &made[0].name, &made[1].name]);
    docker(&["network", "rm", &network]);
    assert_eq!(make(provider, scene, 1, 1).await, made, "machines whose network was removed");
    they_are_machines(made);
}

async fn what_is_gone_is_made_again(
    provider: &ContainerProvider,
    scene: &Scene,
    made: &[MadeMachine],
) -> Vec<MadeMachine> {
    // Without `-v`, as people do: its volume stays behind until the cluster goes.
    docker(&["rm", "-f", &made[1].name]);
    let again = make(provider, scene, 1, 2).await;
    assert_eq!(again[0], made[0]);
    assert_eq!((&again[1].name, again[1].address), (&made[1].name, made[1].address));
    assert_ne!(again[1].host_key, made[1].host_key);
    they_are_machines(&again);
    again
}

async fn some_are_removed(provider: &ContainerProvider, scene: &Scene, made: &[MadeMachine]) {
    let volumes = || scene.remains().len();
    let before = volumes();
    let gone = [made[1].hostname.clone()];
    provider.remove_machines(&scene.cluster, &gone).await.unwrap();
    provider.remove_machines(&scene.cluster, &gone).await.unwrap();
    assert_eq!(volumes(), before - 2, "a container and its volume go");
    let left = make(provider, scene, 1, 1).await;
    assert_eq!(ids(&left), [made[0].container.as_str(), made[2].container.as_str()]);
}

async fn all_is_removed(provider: &ContainerProvider, scene: &Scene) {
    let neighbour = Scene { cluster: format!("{}-2", scene.cluster), home: tempfile::tempdir().unwrap() };
    let label = format!("io.sealift.cluster={}", neighbour.cluster);
    docker(&["volume", "create", "--label", &label]);
    fs::write(scene.home.path().join("clusters").join(&scene.cluster).join("Clusterfile"), "kept").unwrap();

    provider.remove(&scene.cluster).await.unwrap();
    assert_eq!(scene.remains(), Vec::<String>::new());
    assert!(provider.list(&scene.cluster).await.unwrap().is_empty());
    assert!(!provider.clusters().await.unwrap().contains(&scene.cluster));
    let kept: Vec<PathBuf> = walkdir::WalkDir::new(scene.home.path())
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    assert!(kept.len() == 1 && kept[0].ends_with("Clusterfile"), "{kept:?}");
    provider.remove(&scene.cluster).await.unwrap();
    assert_eq!(neighbour.remains().len(), 1, "a neighbour's volume was removed");
}

#[tokio::test]
async fn what_is_foreseen_is_what_is_made() {
    let scene = Scene::new("foreseen");
    let provider = scene.provider().await;
    let told = async |control_planes, workers| {
        let foreseen = provider.foresee(&scene.cluster, control_planes, workers).await.unwrap();
        foreseen.into_iter().map(|one| (one.hostname, one.address, one.role)).collect::<Vec<_>>()
    };
    let all = told(1, 2).await;
    assert_eq!(scene.remains(), Vec::<String>::new(), "nothing is made for it");
    let made = provider.ensure(&scene.cluster, 1, 1, MACHINE_IMAGE).await.unwrap();
    let like = |machine: &MadeMachine| (machine.hostname.clone(), machine.address, machine.role);
    assert_eq!(made.iter().map(like).collect::<Vec<_>>(), all[..2]);

    assert_eq!(told(1, 2).await, all[2..], "only what is missing, in the network that is there");
    docker(&["stop", &made[1].container]);
    assert_eq!(told(1, 1).await, [], "one that stands still is not made anew");
    docker(&["rm", "-fv", &made[1].container]);
    assert_eq!(told(1, 1).await, all[1..2], "its place is free again");
}

#[tokio::test]
async fn two_that_make_the_same_machines_get_the_same_machines() {
    let scene = Scene::new("twice");
    let (one, other) = (scene.provider().await, scene.provider().await);
    let (one, other) = tokio::join!(
        one.ensure(&scene.cluster, 1, 1, MACHINE_IMAGE),
        other.ensure(&scene.cluster, 1, 1, MACHINE_IMAGE),
    );
    assert_eq!(one.unwrap(), other.unwrap());
    let networks = docker(&["network", "ls", "-q", "--filter", &format!("name=sealift-{}", scene.cluster)]);
    assert_eq!(networks.lines().count(), 1);
}

/// Stops making machines after ever longer times, as a killed program would, and then makes them.
#[tokio::test]
async fn what_was_interrupted_goes_on() {
    let scene = Scene::new("killed");
    let provider = scene.provider().await;
    for milliseconds in [50, 150, 400, 800, 1600] {
        let making = provider.ensure(&scene.cluster, 1, 1, MACHINE_IMAGE);
        if let Ok(made) = tokio::time::timeout(std::time::Duration::from_millis(milliseconds), making).await {
            made.unwrap();
        }
    }
    let made = provider.ensure(&scene.cluster, 1, 1, MACHINE_IMAGE).await.unwrap();
    they_are_machines(&made);
    provider.remove(&scene.cluster).await.unwrap();
    assert_eq!(scene.remains(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_sealifts_is_left_alone() {
    let scene = Scene::new("foreign");
    let provider = scene.provider().await;
    let network = format!("sealift-{}", scene.cluster);
    docker(&["network", "create", &network]);
    let over_a_network = provider.ensure(&scene.cluster, 1, 0, MACHINE_IMAGE).await;
    let removed = provider.remove(&scene.cluster).await;
    docker(&["network", "rm", &network]);
    assert_eq!(over_a_network.unwrap_err().class(), Class::Refused);
    removed.unwrap();

    let container = format!("sealift-{}-worker-1", scene.cluster);
    docker(&["create", "--name", &container, MACHINE_IMAGE]);
    let over_a_container = provider.ensure(&scene.cluster, 0, 1, MACHINE_IMAGE).await;
    let removed = provider.remove(&scene.cluster).await;
    docker(&["rm", "-v", &container]);
    assert_eq!(over_a_container.unwrap_err().class(), Class::Refused);
    removed.unwrap();
    assert_eq!(scene.remains(), Vec::<String>::new());
}

#[tokio::test]
async fn new_networks_keep_out_of_what_is_to_be_avoided() {
    let scene = Scene::new("subnet");
    let provider = scene.provider().await.avoiding(["172.16.0.0/12".parse().unwrap()]);
    let made = provider.ensure(&scene.cluster, 0, 1, MACHINE_IMAGE).await.unwrap();
    assert!(made[0].address.to_string().starts_with("10.213."), "{made:?}");
    provider.remove(&scene.cluster).await.unwrap();
}

#[tokio::test]
async fn a_missing_image_is_told_with_the_command_that_makes_it() {
    let scene = Scene::new("image");
    let provider = scene.provider().await;
    let problems = provider.ensure(&scene.cluster, 1, 0, "sealift/machine:absent").await.unwrap_err();
    assert_eq!(problems.class(), Class::Config, "{problems}");
    assert!(problems.list()[0].remedies[0].contains("docker pull"), "{problems}");
    assert_eq!(scene.remains(), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_ends_at_once_is_told_with_its_last_words() {
    let scene = Scene::new("broken");
    let provider = scene.provider().await;
    let image = format!("sealift/test-broken:{}", std::process::id());
    let entry = r#"ENTRYPOINT ["/bin/sh", "-c", "echo the disk is on fire; exit 7"]"#;
    let container = docker(&["create", MACHINE_IMAGE]);
    docker(&["commit", "--change", entry, &container, &image]);
    docker(&["rm", "-v", &container]);
    let problems = provider.ensure(&scene.cluster, 0, 1, &image).await;
    provider.remove(&scene.cluster).await.unwrap();
    docker(&["rmi", &image]);
    let problems = problems.unwrap_err();
    let said = problems.to_string();
    assert!(said.contains("the disk is on fire") && said.contains("worker-1"), "{said}");
    assert_eq!(scene.remains(), Vec::<String>::new());
}
