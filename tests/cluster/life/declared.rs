//! The cluster as its Clusterfile declares it: edited, and applied.

use serde_json::{Value, json};

use super::{FLANNEL, KUBERNETES, Life, Machine, NAME, wishes};
use crate::operator::Ended;

/// What is edited in the Clusterfile from stage to stage.
pub(super) struct Declared {
    pub(super) images: Vec<Value>,
    /// Which of the machines are control planes, by their numbers.
    pub(super) control_planes: Vec<usize>,
    /// Which are workers.
    pub(super) workers: Vec<usize>,
    /// What is wished of the second worker.
    pub(super) wishes: Value,
    /// Documents for kubeadm, kubelet and kube-proxy.
    pub(super) documents: Vec<Value>,
}

impl Declared {
    /// As little as a cluster can be, with a worker.
    pub(super) fn small() -> Self {
        Self {
            images: vec![json!(KUBERNETES), json!(FLANNEL)],
            control_planes: vec![0],
            workers: vec![0],
            wishes: json!({}),
            documents: wishes::documents(),
        }
    }
}

impl Life {
    pub(super) fn control_planes(&self) -> Vec<Machine<'_>> {
        self.declared.control_planes.iter().map(|index| self.machines.control_plane(*index)).collect()
    }

    pub(super) fn workers(&self) -> Vec<Machine<'_>> {
        self.declared.workers.iter().map(|index| self.machines.worker(*index)).collect()
    }

    /// The machines of the cluster.
    pub(super) fn members(&self) -> Vec<Machine<'_>> {
        [self.control_planes(), self.workers()].concat()
    }

    /// Applies the Clusterfile as it is now.
    pub(super) fn apply(&self, flags: &[&str]) -> Ended {
        self.types_apply(flags).well()
    }

    /// The same, whatever comes of it.
    pub(super) fn types_apply(&self, flags: &[&str]) -> Ended {
        self.operator.types([&["apply", "-f", &self.file(), "--yes"], flags].concat())
    }

    /// Writes the Clusterfile as it is now, and returns where.
    pub(super) fn file(&self) -> String {
        let documents = std::iter::once(self.clusterfile()).chain(self.declared.documents.clone());
        let documents: Vec<String> = documents.map(|document| format!("{document:#}\n")).collect();
        self.operator.file("Clusterfile", &documents.join("---\n"))
    }

    fn clusterfile(&self) -> Value {
        let group = |role: &str, machines: &[Machine<'_>]| {
            let addresses: Vec<String> = machines.iter().map(|machine| machine.address()).collect();
            json!({"role": role, "addresses": addresses})
        };
        let mut hosts = vec![group("control-plane", &self.control_planes())];
        for worker in self.workers() {
            let mut alone = group("worker", &[worker]);
            if worker.address() == self.machines.worker(1).address() {
                alone.as_object_mut().unwrap().extend(self.declared.wishes.as_object().unwrap().clone());
            }
            hosts.push(alone);
        }
        let keys: Vec<&str> = self.machines.all().map(Machine::host_key).collect();
        json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": self.declared.images,
                "ssh": {"user": "root", "identities": [self.machines.key()], "hostKeys": keys},
                "hosts": hosts,
                "hooks": wishes::hooks(),
            },
        })
    }
}
