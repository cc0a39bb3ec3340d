//! A component that kubelet runs from a manifest: whether it runs as that says, and what it said at last if not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::processes;
use crate::agent::work::kubelet::within;
use crate::error::{Class, Problem, Result};
use crate::{fsx, yaml};

/// Where kubelet finds the manifests that kubeadm writes.
const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Where kubelet has the runtime write what containers say.
const LOGS: &str = "/var/log/pods";
/// How many of a component's last lines are told.
const LINES: usize = 8;

/// How long a component may take to run as its manifest says. kubelet gives the former one 30 seconds to end.
const DEADLINE: Duration = Duration::from_mins(4);

/// A component as it is before it is changed.
pub(super) struct Component {
    name: &'static str,
    pods: Pods,
    manifest: Vec<u8>,
    before: Running,
    /// Where its pods' logs are, of every manifest that it had.
    logs: BTreeSet<PathBuf>,
}

impl Component {
    /// Looks at a component of the Node `node` before it is changed.
    pub(super) fn before(name: &'static str, node: &str) -> Result<Self> {
        let pods = Pods { place: LOGS.into(), component: name, node: node.to_owned() };
        let manifest = fsx::read_if_exists(&path(name))?.unwrap_or_default();
        let command = Wanted::read(name).map(|wanted| wanted.command).unwrap_or_default();
        Ok(Self { name, manifest, before: Running::look(&pods, &command), logs: pods.logs(), pods })
    }

    /// Waits until it runs as its manifest says now: another process, if that is another manifest, with those arguments or in a pod
    /// of its own, which listens where it is asked for its health.
    ///
    /// # Errors
    /// Class `Kubernetes`, with the last it said.
    pub(super) fn await_changed(&self) -> Result<()> {
        let is_another = fsx::read(&path(self.name))? != self.manifest;
        let wanted = Wanted::read(self.name)?;
        let nothing = Running::default();
        let before = if is_another { &self.before } else { &nothing };
        let serving = || {
            let now = Running::look(&self.pods, &wanted.command);
            if wanted.health.is_some() { now.new_since(before) } else { now.begun_since(before) }
        };
        let runs = || {
            let processes = serving();
            // One that refuses its arguments runs for a moment, too, but never listens.
            !processes.is_empty() && wanted.listens() && serving() == processes
        };
        if within(DEADLINE, || runs() || self.ends_again_and_again()) && runs() {
            return Ok(());
        }
        let problem =
            Problem::new(Class::Kubernetes, format!("{} does not run with its new configuration", self.name));
        let problem = last_words(&self.pods).iter().fold(problem, Problem::saw);
        Err(problem.remedy("correct what the document says of it, and run the same command again"))
    }
}

/// What runs of a component at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Running {
    /// The processes that were begun with the manifest's words.
    begun: BTreeSet<u32>,
    /// Those in each of its pods that has any, by the pods' uids. The process that holds a pod's sandbox is among them.
    pods: BTreeMap<String, BTreeSet<u32>>,
}

impl Running {
    fn look(pods: &Pods, command: &[String]) -> Self {
        let uids = pods.logs().into_iter().filter_map(|log| uid(&log));
        let pods = uids.map(|uid| (uid.clone(), processes::of_pod(&uid)));
        let pods = pods.filter(|(_, processes)| !processes.is_empty()).collect();
        Self { begun: processes::begun_with(command), pods }
    }

    /// Returns the processes with the manifest's words that were not there before.
    fn begun_since(&self, before: &Self) -> BTreeSet<u32> {
        self.begun.difference(&before.begun).copied().collect()
    }

    /// Returns the same, or where an image begins the component with other words, those in pods that were not there before, once
    /// nothing is left in those that were: until then it may be the former component that listens.
    fn new_since(&self, before: &Self) -> BTreeSet<u32> {
        let begun = self.begun_since(before);
        let is_new = |uid: &String| !before.pods.contains_key(uid);
        if !begun.is_empty() || !self.pods.keys().all(is_new) {
            return begun;
        }
        self.pods.values().flatten().copied().collect()
    }
}

impl Component {
    /// Tells whether it was begun three times since it was changed; a log's name is the number of the beginnings before.
    fn ends_again_and_again(&self) -> bool {
        self.pods.logs().difference(&self.logs).any(|pod| pod.join("2.log").exists())
    }
}

/// What a manifest says of a component.
struct Wanted {
    command: Vec<String>,
    health: Option<(String, u16)>,
}

impl Wanted {
    fn read(name: &str) -> Result<Self> {
        let text = fsx::read_text(&path(name))?;
        Ok(Self::of(&yaml::documents("a manifest of the control plane", &text)?))
    }

    fn of(documents: &[Value]) -> Self {
        let container = documents.first().map_or(&Value::Null, |pod| &pod["spec"]["containers"][0]);
        let words = |key: &str| container[key].as_array().cloned().unwrap_or_default();
        let command = words("command").into_iter().chain(words("args"));
        let command = command.filter_map(|word| word.as_str().map(str::to_owned)).collect();
        let health = ["startupProbe", "livenessProbe"].iter().find_map(|probe| {
            let asked = &container[*probe]["httpGet"];
            let host = asked["host"].as_str().unwrap_or("127.0.0.1").to_owned();
            let port = match &asked["port"] {
                // Ports have names from 1.33 on.
                Value::String(name) => words("ports")
                    .iter()
                    .find(|port| port["name"] == name.as_str())
                    .and_then(|port| port["containerPort"].as_u64())?,
                number => number.as_u64()?,
            };
            Some((host, u16::try_from(port).ok()?))
        });
        Self { command, health }
    }

    fn listens(&self) -> bool {
        let Some((host, port)) = &self.health else { return true };
        let address = (host.as_str(), *port).to_socket_addrs().ok().and_then(|mut found| found.next());
        address.is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(MANIFESTS).join(format!("{name}.yaml"))
}

/// A component's pods on this machine.
struct Pods {
    place: PathBuf,
    component: &'static str,
    node: String,
}

impl Pods {
    /// Returns where their logs are. One of another manifest is another pod.
    fn logs(&self) -> BTreeSet<PathBuf> {
        // kubelet calls a pod of a manifest by what that says and by its Node; others may begin with the same word.
        let name = format!("kube-system_{}-{}_", self.component, self.node);
        let pods = std::fs::read_dir(&self.place).into_iter().flatten().flatten();
        let own = pods.filter(|pod| pod.file_name().to_string_lossy().starts_with(&name));
        own.map(|pod| pod.path().join(self.component)).collect()
    }
}

/// Returns the uid of the pod whose logs of a component are here: `kube-system_kube-apiserver-node-1_0a1b.../kube-apiserver`.
fn uid(log: &Path) -> Option<String> {
    let pod = log.parent()?.file_name()?.to_str()?;
    pod.rsplit_once('_').map(|(_, uid)| uid.to_owned())
}

/// Returns the last lines of a component of this machine's.
fn last_words(pods: &Pods) -> Vec<String> {
    let name = pods.component;
    let logs = pods.logs().into_iter().filter_map(|pod| std::fs::read_dir(pod).ok()).flatten().flatten();
    // One that was begun a moment ago has said nothing yet.
    let logs = logs.filter(|log| log.metadata().is_ok_and(|metadata| metadata.len() > 0));
    let newest = logs.max_by_key(|log| log.metadata().and_then(|metadata| metadata.modified()).ok());
    let text = newest.and_then(|log| std::fs::read(log.path()).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter().map(|line| format!("{name}: {}", said(line))).collect()
}

/// Returns what a container said in a line of its log, which begins with the time, the stream and whether the line is whole.
fn said(line: &str) -> &str {
    line.splitn(4, ' ').nth(3).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "spec:\n  containers:\n  - command: [kube-scheduler, --leader-elect=true]\n    args: [--v=2]\n    \
        livenessProbe: {httpGet: {host: 127.0.0.1, path: /livez, port: probe-port, scheme: HTTPS}}\n    \
        ports: [{containerPort: 10259, name: probe-port}]\n";

    #[test]
    fn a_manifest_says_how_its_component_runs() {
        let wanted = |text: &str| Wanted::of(&yaml::documents("x", text).unwrap());
        let named = wanted(MANIFEST);
        assert_eq!(named.command, ["kube-scheduler", "--leader-elect=true", "--v=2"]);
        assert_eq!(named.health, Some(("127.0.0.1".to_owned(), 10259)));
        let numbered = wanted(&MANIFEST.replace("port: probe-port", "port: 10257"));
        assert_eq!(numbered.health, Some(("127.0.0.1".to_owned(), 10257)));
        assert_eq!(wanted("spec: {}").health, None);
    }

    fn running(begun: &[u32], pods: &[(&str, &[u32])]) -> Running {
        Running {
            begun: begun.iter().copied().collect(),
            pods: pods.iter().map(|(uid, of)| ((*uid).to_owned(), of.iter().copied().collect())).collect(),
        }
    }

    #[test]
    fn what_an_image_begins_with_other_words_is_known_by_its_pod() {
        let new = |before: &Running, now: &Running| now.new_since(before).into_iter().collect::<Vec<u32>>();
        // As most images do it: the words are the manifest's.
        let before = running(&[11], &[("old", &[10, 11])]);
        assert_eq!(new(&before, &running(&[21], &[("old", &[10]), ("new", &[20, 21])])), [21]);
        // A script of the image's makes other words of them.
        let before = running(&[], &[("old", &[10, 11])]);
        assert_eq!(new(&before, &running(&[], &[("new", &[20, 21])])), [20, 21]);
        // While anything is left of the former one, it may be that which listens.
        assert_eq!(new(&before, &running(&[], &[("old", &[11]), ("new", &[20])])), [0_u32; 0]);
        // The former one once more is not the new one.
        assert_eq!(new(&before, &running(&[], &[("old", &[10, 12])])), [0_u32; 0]);
        let before = running(&[11], &[("old", &[10, 11])]);
        assert_eq!(new(&before, &before.clone()), [0_u32; 0]);
        // What does not change may be what there was.
        assert_eq!(new(&Running::default(), &running(&[], &[("old", &[10, 11])])), [10, 11]);
    }

    #[test]
    fn a_pod_of_another_manifest_is_not_the_components() {
        let place = tempfile::tempdir().unwrap();
        for pod in ["etcd-node-1_01", "etcd-node-1_02", "etcd-backup-node-1_03", "etcd-node-10_04"] {
            std::fs::create_dir(place.path().join(format!("kube-system_{pod}"))).unwrap();
        }
        let pods = Pods { place: place.path().to_owned(), component: "etcd", node: "node-1".to_owned() };
        let uids: Vec<_> = pods.logs().iter().filter_map(|log| uid(log)).collect();
        assert_eq!(uids, ["01", "02"]);
    }

    #[test]
    fn a_pods_uid_is_the_last_of_its_logs_name() {
        let log = Path::new("/var/log/pods/kube-system_kube-scheduler-node-1_0a1b/kube-scheduler");
        assert_eq!(uid(log).as_deref(), Some("0a1b"));
        assert_eq!(uid(Path::new("/x")), None);
    }

    #[test]
    fn what_a_container_said_is_told_without_its_frame() {
        assert_eq!(said("2026-01-01T00:00:00.1Z stderr F unknown flag: --x y"), "unknown flag: --x y");
        assert_eq!(said("rubbish"), "rubbish");
    }
}
