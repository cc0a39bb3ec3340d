//! Machines for tests: containers of the local engine, made by the provider's library, gone at the end and at the next start.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use sealift::model::Role;
use sealift::provider::container::{ContainerProvider, MACHINE_IMAGE, MadeMachine};
use tempfile::TempDir;

/// What the names of this program's groups of machines begin with.
const PREFIX: &str = "test-cluster-";

/// The longest that anything here is waited for. Machines need seconds, so this is only reached when something is broken.
const PATIENCE: Duration = Duration::from_mins(3);

/// Images that this program's clusters are made of.
pub(crate) const KUBERNETES: &str = "kubernetes:v1.36.3";
pub(crate) const FLANNEL: &str = "flannel:v0.28.4";
pub(crate) const HELLO: &str = "hello:v1";
pub(crate) const GREETING: &str = "greeting:v1";

/// The program under test.
pub(crate) fn sealift() -> String {
    std::env::var("SEALIFT_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sealift").to_owned())
}

/// A group of machines in one network.
pub(crate) struct Machines {
    group: String,
    home: TempDir,
    runtime: tokio::runtime::Runtime,
    made: Vec<MadeMachine>,
}

impl Machines {
    /// Makes machines, control planes to be first.
    pub(crate) fn make(group: &str, control_planes: usize, workers: usize) -> Self {
        prepare();
        let mut machines = Self {
            group: format!("{PREFIX}{group}"),
            home: tempfile::tempdir().unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            made: vec![],
        };
        machines.made = machines.runtime.block_on(async {
            let provider = provider(machines.home.path()).await;
            provider.ensure(&machines.group, control_planes, workers, MACHINE_IMAGE).await.unwrap()
        });
        for machine in machines.all() {
            machine.await_start();
        }
        machines
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Machine<'_>> {
        self.made.iter().map(Machine)
    }

    fn of_role(&self, role: Role, index: usize) -> Machine<'_> {
        Machine(self.made.iter().filter(|made| made.role == role).nth(index).unwrap())
    }

    /// Returns a control plane to be, from 0.
    pub(crate) fn control_plane(&self, index: usize) -> Machine<'_> {
        self.of_role(Role::ControlPlane, index)
    }

    /// Returns a worker to be, from 0.
    pub(crate) fn worker(&self, index: usize) -> Machine<'_> {
        self.of_role(Role::Worker, index)
    }

    /// Returns the private key that opens all of them.
    pub(crate) fn key(&self) -> &Path {
        &self.made[0].ssh_key
    }

    /// Returns what an operator says who knows the machines' keys.
    pub(crate) fn login(&self) -> Vec<String> {
        let pins = self.made.iter().flat_map(|made| ["--host-key".to_owned(), made.host_key.clone()]);
        ["--identity".to_owned(), self.key().display().to_string()].into_iter().chain(pins).collect()
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        let gone = self.runtime.block_on(async {
            let provider =
                ContainerProvider::connect(self.home.path()).await.map_err(|problem| problem.to_string())?;
            provider.remove(&self.group).await.map_err(|problems| problems.to_string())
        });
        if let Err(why) = gone {
            crate::story::report(&format!("the machines of {} are still there: {why}", self.group));
        }
    }
}

/// Machines that the program under test made, as they are at one moment.
pub(crate) struct Made(Vec<MadeMachine>);

impl Made {
    /// Fails unless a cluster of an operator with this home has so many and no others, and all of them run.
    #[track_caller]
    pub(crate) fn of(home: &Path, cluster: &str, control_planes: usize, workers: usize) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (there, missing) = runtime.block_on(async {
            let provider = ContainerProvider::connect(home).await.unwrap();
            let missing = provider.shortages(cluster, control_planes, workers, MACHINE_IMAGE).await.unwrap();
            (provider.list(cluster).await.unwrap(), missing)
        });
        assert!(missing.is_empty(), "{missing:#?}");
        assert_eq!(there.len(), control_planes + workers, "{there:#?}");
        // With none missing they are only looked up.
        let made = runtime.block_on(async {
            let provider = ContainerProvider::connect(home).await.unwrap();
            provider.ensure(cluster, control_planes, workers, MACHINE_IMAGE).await.unwrap()
        });
        Self(made)
    }

    /// Returns them, control planes first.
    pub(crate) fn all(&self) -> impl Iterator<Item = Machine<'_>> {
        self.0.iter().map(Machine)
    }

    /// Tells whether all machines of another moment are among these.
    pub(crate) fn has_all_of(&self, others: &Self) -> bool {
        others.0.iter().all(|machine| self.0.contains(machine))
    }
}

async fn provider(home: &Path) -> ContainerProvider {
    let avoided = ["100.64.0.0/10", "10.96.0.0/22", "10.103.97.2/32"].map(|network| network.parse().unwrap());
    ContainerProvider::connect(home).await.unwrap().avoiding(avoided)
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Machine<'a>(&'a MadeMachine);

impl<'a> Machine<'a> {
    pub(crate) fn address(self) -> String {
        self.0.address.to_string()
    }

    pub(crate) fn hostname(self) -> &'a str {
        &self.0.hostname
    }

    pub(crate) fn host_key(self) -> &'a str {
        &self.0.host_key
    }

    /// Runs a script as root, not through SSH, and returns what it wrote; anything but success is the test's failure.
    pub(crate) fn sh(self, script: &str) -> String {
        let output = self.try_sh(script);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {script}: {said}", self.hostname());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs a script that may fail.
    pub(crate) fn try_sh(self, script: &str) -> Output {
        Command::new("docker").args(["exec", &self.0.name, "bash", "-c", script]).output().unwrap()
    }

    /// Takes a file of this machine's into a directory.
    pub(crate) fn take(self, from: &Path, into: &str) {
        docker(&["cp", &from.display().to_string(), &format!("{}:{into}", self.0.name)]);
    }

    /// Starts a program that goes on by itself.
    pub(crate) fn start_program(self, script: &str) {
        docker(&["exec", "-d", &self.0.name, "bash", "-c", script]);
    }

    /// Marks it as a machine of another operator's cluster.
    pub(crate) fn belongs_to(self, cluster: &str) {
        let marker = serde_json::json!({
            "cluster": cluster, "launch": "20260101T000000Z-00000000", "authority": null, "machine_id": self.sh("cat /etc/machine-id"),
            "node_name": self.hostname(), "role": "worker", "intent": "member", "name": self.address(),
            "before": {"interfaces": [], "nft_tables": [], "paths": []},
        });
        self.sh(&format!("mkdir -p /var/lib/sealift && echo '{marker}' >/var/lib/sealift/machine.json"));
    }

    /// Returns a process that runs there, by its number here.
    pub(crate) fn process(self) -> u32 {
        let number = command("docker", &["inspect", "--format", "{{.State.Pid}}", &self.0.name]);
        number.trim().parse().unwrap()
    }

    /// Ends every session that somebody has there through SSH; the server goes on.
    pub(crate) fn cut_off(self) {
        self.sh("pkill -KILL '^sshd-session' || pkill -KILL -f '^sshd: .*(@|priv)' || true");
    }

    /// Takes the power away.
    pub(crate) fn kill(self) {
        docker(&["kill", &self.0.name]);
    }

    /// Takes it away for good, with all that it holds.
    pub(crate) fn throw_away(self) {
        docker(&["rm", "-fv", &self.0.name]);
    }

    /// Gives it power again.
    pub(crate) fn start(self) {
        docker(&["start", &self.0.name]);
        self.await_start();
    }

    /// Waits until its system has come up, so that nothing of its start is taken for somebody's doing.
    fn await_start(self) {
        until(&format!("{} is up", self.hostname()), || {
            let state = self.try_sh("systemctl is-system-running; systemctl is-active --quiet ssh");
            let said = String::from_utf8_lossy(&state.stdout);
            (state.status.success() && (said.contains("running") || said.contains("degraded"))).then_some(())
        });
    }
}

/// Waits until something is there. What cannot be waited for otherwise is looked at a few times a second.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "in {} s it did not come: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn docker(arguments: &[&str]) {
    command("docker", arguments);
}

fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    let output = Command::new(program.as_ref()).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {said}", program.as_ref().display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Starts the engine, builds what machines and clusters are made of, and removes what an earlier run left: once.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let elsewhere = command(root.join("dev/docker.sh"), &[]);
        assert_eq!(elsewhere, "", "DOCKER_HOST names an engine that does not answer");
        command(root.join("images/machine/build.sh"), &[]);
        build_images(root, &[]);
        keep_others_away();
        remove_leftovers();
    });
}

/// Waits until no other clone tests clusters on this machine: each would take the other's machines for leftovers.
fn keep_others_away() {
    static LOCK: OnceLock<File> = OnceLock::new();
    let lock = File::create(shared_home().join("cluster-tests.lock")).unwrap();
    lock.lock().unwrap();
    // It is held until this program ends, however it ends.
    LOCK.set(lock).unwrap();
}

/// The images are in the store that all clones share, unless the environment names another.
pub(crate) fn shared_home() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || {
        let caches =
            named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache"))).unwrap();
        named("SEALIFT_DEV_CACHE").unwrap_or_else(|| caches.join("sealift-dev"))
    };
    named("SEALIFT_HOME").unwrap_or_else(|| cache().join("home"))
}

/// Builds an image that is not one of those for people.
pub(crate) fn build_image(name: &str) {
    prepare();
    build_images(Path::new(env!("CARGO_MANIFEST_DIR")), &[name]);
}

/// Returns at once when the images are there and made from what is in the tree. Without names it is all for people.
fn build_images(root: &Path, names: &[&str]) {
    let mut build = Command::new(root.join("images/build.sh"));
    build.args(["--sealift", &sealift()]).args(names).env("SEALIFT_HOME", shared_home());
    let output = build.output().unwrap();
    assert!(output.status.success(), "images/build.sh: {}", String::from_utf8_lossy(&output.stderr));
}

fn remove_leftovers() {
    let home = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let provider = ContainerProvider::connect(home.path()).await.unwrap();
        for cluster in provider.clusters().await.unwrap() {
            if cluster.starts_with(PREFIX) {
                provider.remove(&cluster).await.unwrap();
            }
        }
    });
}

/// Joins addresses to a list of machines as the command line takes it.
pub(crate) fn list<'a>(machines: impl IntoIterator<Item = Machine<'a>>) -> String {
    machines.into_iter().map(Machine::address).collect::<Vec<_>>().join(",")
}

/// Tells several findings by machine in one text.
pub(crate) fn told(findings: &BTreeMap<String, Vec<String>>) -> String {
    findings.iter().fold(String::new(), |mut text, (machine, lines)| {
        let _ = writeln!(text, "{machine}:\n  {}", lines.join("\n  "));
        text
    })
}
