//! The programs of one release, compiled by `dev/kubeadm.sh`, and what they say of a file: kubeadm itself, and a reader that takes the
//! kubelet's and kube-proxy's documents as these do.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

use super::home::File;

/// Since this minor kubeadm has a command that looks at a file. Before, it is told to bring one to its own version, for which it is read in the
/// same way, and warns of what is unknown.
const VALIDATES_SINCE: u64 = 26;

/// What the older ones say of every file, whatever is in it.
const SAID_OF_ALL: [&str; 1] = ["WARNING: kubeadm cannot validate component configs for API groups"];

/// What stands between documents.
const BETWEEN: &str = "---\n";

/// A field that no document has.
const UNKNOWN: &str = "fieldOfNobody";

/// One release of Kubernetes.
pub(crate) struct Release {
    minor: u64,
    programs: PathBuf,
}

impl Release {
    /// Compiles its programs, unless they are there.
    pub(crate) fn compiled(version: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/kubeadm.sh");
        let output = Command::new(script).arg(version).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let line = String::from_utf8(output.stdout).unwrap();
        let programs = line.trim().strip_prefix(version).unwrap().trim().into();
        Self { minor: version.split('.').nth(1).unwrap().parse().unwrap(), programs }
    }

    /// Returns all that its programs have against a file.
    pub(crate) fn says_against(&self, file: &File) -> Vec<String> {
        let said = [("kubeadm", self.kubeadm(&file.text)), ("decode", self.components(&file.text))];
        said.into_iter().filter_map(|(who, said)| Some(format!("{who}: {}", said?))).collect()
    }

    /// Puts an unknown field into each document, alone, and returns the documents in which it is not seen by all who read them.
    pub(crate) fn unseen_mistakes(&self, files: &[File]) -> Vec<String> {
        files.iter().flat_map(|file| self.unseen_in(file)).collect()
    }

    fn unseen_in(&self, file: &File) -> Vec<String> {
        let documents: Vec<&str> = file.text.split(BETWEEN).collect();
        let with_mistake = |at: usize| {
            let mut wrong: Vec<String> = documents.iter().map(ToString::to_string).collect();
            wrong[at] += &[UNKNOWN, ": 1\n"].concat();
            wrong.join(BETWEEN)
        };
        let is_seen = |said: Option<String>| said.is_some_and(|said| said.contains(UNKNOWN));
        let is_unseen = |at: &usize| {
            let wrong = with_mistake(*at);
            !is_seen(self.kubeadm(&wrong))
                || is_component(documents[*at]) && !is_seen(self.components(&wrong))
        };
        let unseen = (0..documents.len()).filter(is_unseen);
        unseen.map(|at| format!("{}:\n{}", file.command, documents[at])).collect()
    }

    /// Has kubeadm read a file; it may say nothing.
    fn kubeadm(&self, text: &str) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kubeadm.yml");
        std::fs::write(&path, text).unwrap();
        let arguments: [&str; 3] = if self.minor >= VALIDATES_SINCE {
            ["config", "validate", "--config"]
        } else {
            ["config", "migrate", "--old-config"]
        };
        let mut command = Command::new(self.programs.join("kubeadm"));
        complaint(&command.args(arguments).arg(path).output().unwrap())
    }

    /// Has the kubelet's and kube-proxy's documents read; a file for a join has none.
    fn components(&self, text: &str) -> Option<String> {
        let documents: Vec<&str> = text.split(BETWEEN).filter(|document| is_component(document)).collect();
        if documents.is_empty() {
            return None;
        }
        let mut command = Command::new(self.programs.join("decode"));
        complaint(&command.write_stdin(documents.join(BETWEEN)).output().unwrap())
    }
}

fn is_component(document: &str) -> bool {
    document
        .lines()
        .any(|line| line == "kind: KubeletConfiguration" || line == "kind: KubeProxyConfiguration")
}

/// Returns what a program says that is not content.
fn complaint(output: &Output) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let own = |line: &&str| !SAID_OF_ALL.iter().any(|known| line.contains(known));
    let said: Vec<&str> = said.lines().filter(own).collect();
    (!output.status.success() || !said.is_empty()).then(|| format!("{}: {}", output.status, said.join("\n")))
}
