//! Who edits a Clusterfile and applies it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sealift::model::Role;
use serde_json::{Value, json};

use crate::scene::Scene;

/// The cluster's name.
const NAME: &str = "measured";
/// The images that it is made of.
const IMAGES: [&str; 2] = ["kubernetes:v1.36.3", "flannel:v0.28.4"];

pub(crate) struct Operator<'a> {
    pub(crate) sealift: &'a Path,
    pub(crate) scene: &'a Scene,
}

/// Which machines a Clusterfile names, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) control_planes: Vec<usize>,
    pub(crate) workers: Vec<usize>,
}

/// How an `apply` ended, and how long it took.
pub(crate) struct Applied {
    pub(crate) ending: String,
    pub(crate) took: Duration,
}

impl Operator<'_> {
    /// Applies the declaration and takes the time from outside.
    pub(crate) fn apply(&self, declared: &Declared) -> Result<Applied> {
        let file = self.scene.scratch.directory.path().join("Clusterfile");
        std::fs::write(&file, self.clusterfile(declared)?.to_string())?;
        let mut command = Command::new(self.sealift);
        command.args(["--output", "json", "apply", "--yes", "--prune", "-f"]).arg(&file);
        // Whoever runs this has settings of SSH that are not to be measured.
        command.env("SEALIFT_HOME", self.home()).env("HOME", self.home()).env_remove("SSH_AUTH_SOCK");
        let began = Instant::now();
        let output = command.stdin(Stdio::null()).output().context("cannot start sealift")?;
        let took = began.elapsed();
        let said = String::from_utf8(output.stdout)?;
        anyhow::ensure!(output.status.success(), "sealift failed: {}\n{said}", output.status);
        let events = said.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let summary = events.iter().find(|event| event["event"] == "summary").context("it tells no end")?;
        let ending = summary["summary"]["ending"].as_str().unwrap_or_default().to_owned();
        Ok(Applied { ending, took })
    }

    /// Returns the kubeconfig that sealift keeps.
    pub(crate) fn kubeconfig(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.home().join("clusters").join(NAME).join("kubeconfig"))?)
    }

    fn home(&self) -> &Path {
        &self.scene.scratch.home
    }

    fn clusterfile(&self, declared: &Declared) -> Result<Value> {
        let group = |name: &str, role, indices: &[usize]| {
            let machines = indices.iter().map(|index| self.scene.machine(role, *index));
            let addresses =
                machines.map(|made| Ok(made?.address.to_string())).collect::<Result<Vec<String>>>()?;
            anyhow::Ok(json!({"role": name, "addresses": addresses}))
        };
        let machines = self.scene.machines();
        let keys: Vec<&str> = machines.iter().map(|made| made.host_key.as_str()).collect();
        Ok(json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": IMAGES,
                "ssh": {"user": "root", "identities": [machines[0].ssh_key], "hostKeys": keys},
                "hosts": [
                    group("control-plane", Role::ControlPlane, &declared.control_planes)?,
                    group("worker", Role::Worker, &declared.workers)?,
                ],
            },
        }))
    }
}
