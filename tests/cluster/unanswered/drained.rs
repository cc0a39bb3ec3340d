//! A machine that cannot leave, since its pods may not: how long they are waited for, and what comes then.

use super::{Cluster, NAME};
use crate::events;
use crate::kubernetes::{await_ready, kubectl};

/// No pod of hello may be evicted.
const BUDGET: &str = "create poddisruptionbudget hello --selector app=hello --min-available 2";

impl Cluster {
    pub(super) fn drain_in_time(&mut self) {
        kubectl(self.control_plane(), BUDGET);
        let pods = "get pods -l app=hello -o jsonpath={.items[*].spec.nodeName}";
        let nodes = kubectl(self.control_plane(), pods);
        let workers = [0, 1, 2].map(|index| self.machines.worker(index));
        let leaves = workers.into_iter().find(|worker| nodes.contains(worker.hostname())).unwrap();
        let address = leaves.address();
        let words = ["scale", "down", "--name", NAME, "--yes", "--nodes", &address, "--drain-timeout", "3s"];
        let ended = self.operator.types(words);
        assert_eq!(ended.code(), Some(8), "{}", ended.told());
        let told = ended.summary()["set_aside"].to_string();
        assert!(
            told.contains("after 3 s pods are still on the Node") && told.contains("default/hello"),
            "{told}"
        );
        let forced = self.operator.types(words.into_iter().chain(["--force"])).well();
        let steps = events::steps(&forced.lines);
        events::step(&steps, "remove data, marker", Some(&address));
        let stay: Vec<_> = self.machines.all().filter(|machine| machine.address() != address).collect();
        await_ready(self.control_plane(), &stay);
    }
}
