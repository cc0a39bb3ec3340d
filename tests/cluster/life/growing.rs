//! The cluster gets workers, then control planes; is applied once more; and loses a control plane for a while.

use serde_json::{Value, json};

use super::{
    Life, NAME, STILL, Snapshot, assert_plan_is_carried_out, assert_ready, await_ready, events, in_order,
    kubectl, step,
};
use crate::client::{Seat, Writer};
use crate::kubernetes::{self, answers_at_vip, etcd_members};
use crate::machines::{Machine, until};

/// Where workers find the API servers, all of them.
const VIP: &str = "https://10.103.97.2:6443";

impl Life {
    pub(super) fn add_workers(&mut self) {
        self.declared.workers = vec![0, 1, 2];
        let ended = self.apply(&[]);
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        for index in [1, 2] {
            let address = self.machines.worker(index).address();
            let on = |title| step(&steps, title, Some(&address));
            in_order(&[on("install container runtime"), on("join as worker")]);
        }
        assert_ready(self.first(), &self.members());
    }

    pub(super) fn add_control_planes(&mut self) {
        self.declared.control_planes = vec![0, 1, 2];
        let ended = self.apply(&[]);
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let join = |index| {
            let address = self.machines.control_plane(index).address();
            step(&steps, "join as control plane", Some(&address))
        };
        in_order(&[join(1), join(2)]);
        assert_ready(self.first(), &self.members());
        await_ready(self.first(), &self.members());
        self.assert_control_planes_are_known();
    }

    /// From here on somebody uses the cluster as workers do, and somebody one of its API servers that will stay.
    pub(super) fn begin_to_write(&mut self) {
        let kubeconfig = self.operator.home().join("clusters").join(super::NAME).join("kubeconfig");
        let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
        let seat =
            |name, server, network_of| Seat { name, kubeconfig: kubeconfig.clone(), server, network_of };
        let staying = format!("https://{}:6443", self.machines.control_plane(2).address());
        let inside = self.machines.worker(0).process();
        let through_vip = Writer::begin(seat("through-vip", VIP.to_owned(), Some(inside))).unwrap();
        let pinned = Writer::begin(seat("pinned", staying, None)).unwrap();
        self.writers = vec![through_vip, pinned];
    }

    /// No step, no lock taken, nothing written on any machine or in the cluster.
    pub(super) fn apply_again(&mut self) {
        // care writes down by itself what the cluster tells it; that is nobody's doing.
        for machine in self.members() {
            until(&format!("care on {} has learned the control planes", machine.hostname()), || {
                has_learned(machine, &self.servers()).then_some(())
            });
        }
        let kept = || kubectl(self.first(), KEPT);
        let still = || self.members().into_iter().map(|machine| Snapshot::of_files(machine, &STILL));
        let (before, kept_before): (Vec<Snapshot>, String) = (still().collect(), kept());
        let ended = self.apply(&[]);
        assert_eq!(ended.summary()["ending"], "nothing-to-do", "{}", ended.told());
        assert!(events::steps(&ended.lines).is_empty());
        assert_eq!(kept(), kept_before);
        for (after, before) in still().zip(&before) {
            assert_eq!(after.differences(before), [""; 0]);
        }
    }

    /// How a machine is logged in to is the operator's own matter: they note it, and the cluster is not another one by it.
    pub(super) fn log_in_otherwise(&mut self) {
        self.declared.wishes = json!({"ssh": {"port": 22}});
        let ended = self.apply(&[]);
        assert_eq!(ended.summary()["ending"], "nothing-to-do", "{}", ended.told());
        let noted = |life: &Self| {
            let kept =
                std::fs::read(life.operator.home().join("clusters").join(NAME).join("state.json")).unwrap();
            let kept: Value = serde_json::from_slice(&kept).unwrap();
            let machines = kept["cluster"]["machines"].as_array().unwrap();
            let worker = life.machines.worker(1).address();
            machines.iter().find(|machine| machine["name"] == worker.as_str()).unwrap()["login"].clone()
        };
        assert_eq!(noted(self), json!({"port": 22}));
        self.declared.wishes = json!({});
        self.apply(&[]);
        assert_eq!(noted(self), Value::Null);
    }

    pub(super) fn lose_control_plane(&mut self) {
        self.first().kill();
        for worker in self.workers() {
            until("the API answers at the virtual address", || answers_at_vip(worker).then_some(()));
            // An image that no worker has, from a registry that is not the first control plane's.
            until("an image is pulled through another registry", || {
                worker.try_sh("crictl pull registry.k8s.io/etcd:3.6.8-0").status.success().then_some(())
            });
        }
        until("the others can be asked", || {
            kubernetes::answers(self.machines.control_plane(1)).then_some(())
        });
    }

    pub(super) fn regain_control_plane(&mut self) {
        self.first().start();
        await_ready(self.first(), &self.members());
        await_ready(self.machines.control_plane(2), &self.members());
    }

    /// Fails unless etcd has just the control planes' members, all with a vote, and every worker's care leads to them.
    pub(super) fn assert_control_planes_are_known(&self) {
        let control_planes = self.control_planes();
        let members = etcd_members(control_planes[0]);
        let mut names: Vec<&str> = members.iter().filter_map(|member| member["name"].as_str()).collect();
        let mut wanted: Vec<&str> = control_planes.iter().map(|machine| machine.hostname()).collect();
        names.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        assert!(members.iter().all(|member| member["isLearner"].is_null()), "{members:#?}");
        for worker in self.workers() {
            let config = care_file(worker, "config.json").unwrap();
            assert_eq!(sorted(&config["api"]["servers"]), self.servers(), "{}", worker.hostname());
        }
    }

    /// The API servers of all control planes, sorted.
    fn servers(&self) -> Vec<String> {
        let mut servers: Vec<String> = self.control_planes().iter().map(|one| server(*one)).collect();
        servers.sort_unstable();
        servers
    }
}

/// Tells whether care has heard of just these API servers since it was last told of any.
fn has_learned(machine: Machine<'_>, servers: &[String]) -> bool {
    let Some(learned) = care_file(machine, "learned.json") else { return false };
    let config = care_file(machine, "config.json").unwrap();
    learned["generation"] == config["generation"]
        && sorted(&learned["amends"]) == sorted(&config["api"]["servers"])
        && sorted(&learned["servers"]) == servers
}

/// Reads a file that care keeps, if it is there.
fn care_file(machine: Machine<'_>, name: &str) -> Option<serde_json::Value> {
    let read = machine.try_sh(&format!("cat /var/lib/sealift/care/{name}"));
    read.status.success().then(|| serde_json::from_slice(&read.stdout).unwrap())
}

fn sorted(list: &serde_json::Value) -> Vec<String> {
    let mut list: Vec<String> = serde_json::from_value(list.clone()).unwrap();
    list.sort_unstable();
    list
}

/// What a run that does something writes in the cluster.
const KEPT: &str = "get -n kube-system --ignore-not-found -o jsonpath={.items[*].metadata.resourceVersion} \
                    lease/sealift secret/sealift-state";

fn server(control_plane: Machine<'_>) -> String {
    format!("{}:6443", control_plane.address())
}
