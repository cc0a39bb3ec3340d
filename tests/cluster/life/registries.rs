//! One of the registries stops: every node still gets images that it never had.

use serde_json::{Value, json};

use super::{Life, kubectl};
use crate::machines::{Machine, until};

/// A container image that nothing has run so far. The application that brings it came when there was one registry.
pub(super) const UNSEEN: &str = "docker.io/sealift/test-unseen:v1";

impl Life {
    /// Each node asks its own care, and care any registry that answers; also where its own machine's is the one that does not.
    pub(super) fn lose_registry(&mut self) {
        for machine in self.members() {
            assert!(!machine.sh("crictl images").contains("test-unseen"), "{}", machine.hostname());
        }
        let first = self.first();
        first.sh("systemctl stop registry");
        first.sh(&format!("cat >/dev/shm/unseen.json <<'END'\n{}\nEND", on_every_node()));
        kubectl(first, "apply -f /dev/shm/unseen.json");
        let count = self.members().len();
        until("a pod with a new image runs on every node", || (running(first) == count).then_some(()));
        assert!(
            !first.try_sh("systemctl is-active --quiet registry").status.success(),
            "it has been started"
        );
        kubectl(first, "delete -f /dev/shm/unseen.json --wait --cascade=foreground");
        first.sh("rm /dev/shm/unseen.json && systemctl start registry");
    }
}

/// A pod for every node, control planes and all.
fn on_every_node() -> Value {
    let labels = json!({"app": "unseen"});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "unseen"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "tolerations": [{"operator": "Exists"}],
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "unseen", "image": UNSEEN}],
                },
            },
        },
    })
}

/// On how many nodes it runs.
fn running(control_plane: Machine<'_>) -> usize {
    let ready = kubectl(control_plane, "get daemonset unseen -o jsonpath={.status.numberReady}");
    ready.parse().unwrap_or(0)
}
