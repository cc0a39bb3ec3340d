//! Nodes changed in place, and machines that leave: a worker, then the control plane that was the first.

use serde_json::{Value, json};

use super::{
    BTreeMap, Life, Machine, NAME, STILL, Snapshot, assert_plan_is_carried_out, assert_same, await_ready,
    etcd_members, events, in_order, kubectl, look_at_all, step,
};

/// What is laid upon hello, so that one of its two pods is always there.
const BUDGET: &str = "create poddisruptionbudget hello --selector app=hello --min-available 1";

impl Life {
    /// The cluster as it is, with these wishes for its last worker.
    fn clusterfile(&self, wishes: &Value) -> String {
        let hosts = |role: &str, machines: &[Machine<'_>]| json!({"role": role, "addresses": machines.iter().map(|one| one.address()).collect::<Vec<_>>()});
        let control_planes = [0, 1, 2].map(|index| self.machines.control_plane(index));
        let mut last = hosts("worker", &[self.machines.worker(1)]);
        last.as_object_mut().unwrap().extend(wishes.as_object().unwrap().clone());
        let file = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": [super::KUBERNETES, super::FLANNEL, super::HELLO],
                "hosts": [hosts("control-plane", &control_planes), hosts("worker", &[self.machines.worker(0)]), last],
            },
        });
        self.operator.file("Clusterfile", &file.to_string())
    }

    fn apply(&self, wishes: &Value) -> crate::operator::Ended {
        let file = self.clusterfile(wishes);
        self.operator.types(["apply", "-f", &file, "--yes"]).well()
    }

    pub(super) fn change_nodes(&mut self) {
        let worker = self.machines.worker(1);
        let shown = |field: &str| {
            kubectl(
                self.machines.control_plane(1),
                &format!("get node {} -o jsonpath={field}", worker.hostname()),
            )
        };
        let label = || shown("{.metadata.labels.example\\\\.com/disk}");
        let capacity = || shown("{.status.capacity.pods}");
        let before = capacity();
        let wishes = json!({
            "labels": {"example.com/disk": "ssd"},
            "taints": ["example.com/slow=yes:PreferNoSchedule"],
            "kubeletArguments": {"max-pods": "77"},
        });
        self.apply(&wishes);
        assert_eq!((label().as_str(), capacity().as_str()), ("ssd", "77"));
        assert!(shown("{.spec.taints}").contains("example.com/slow"));
        assert_eq!(self.apply(&wishes).summary()["ending"], "nothing-to-do");
        self.apply(&json!({}));
        assert_eq!((label().as_str(), capacity()), ("", before));
        assert!(!shown("{.spec.taints}").contains("example.com/slow"));
        assert_eq!(self.apply(&json!({})).summary()["ending"], "nothing-to-do");
    }

    pub(super) fn remove_worker(&mut self) {
        let leaves = self.machines.worker(0);
        kubectl(self.first(), BUDGET);
        let address = leaves.address();
        let ended =
            self.operator.types(["scale", "down", "--name", NAME, "--yes", "--nodes", &address]).well();
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let on = |title| step(&steps, title, Some(&address));
        in_order(&[on("move its pods"), on("clean the machine"), on("remove data, marker")]);
        in_order(&[on("move its pods"), on("remove its Node")]);
        self.assert_left(leaves);
        let stay: Vec<Machine<'_>> = self.machines.all().filter(|one| one.address() != address).collect();
        await_ready(self.first(), &stay);
        self.assert_nothing_to_do();
    }

    pub(super) fn remove_first_control_plane(&mut self) {
        let leaves = self.first();
        let address = leaves.address();
        let ended =
            self.operator.types(["scale", "down", "--name", NAME, "--yes", "--masters", &address]).well();
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let on = |title| step(&steps, title, Some(&address));
        in_order(&[
            on("move its pods"),
            on("take its etcd out"),
            on("clean the machine"),
            on("remove data, marker"),
        ]);
        let worker = self.machines.worker(1);
        // Those that stay know it before it goes.
        in_order(&[step(&steps, "start care", Some(&worker.address())), on("take its etcd out")]);
        self.assert_left(leaves);

        let others = [1, 2].map(|index| self.machines.control_plane(index));
        await_ready(others[0], &[others[0], others[1], worker]);
        let members = etcd_members(others[0]);
        assert_eq!(members.len(), 2, "{members:#?}");
        let config: Value =
            serde_json::from_str(&worker.sh("cat /var/lib/sealift/care/config.json")).unwrap();
        let servers: Vec<String> = others.iter().map(|one| format!("{}:6443", one.address())).collect();
        assert_eq!(config["api"]["servers"], json!(servers));
        let kubeconfig = self.operator.home().join("clusters").join(NAME).join("kubeconfig");
        let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
        assert!(!kubeconfig.contains(&format!("{address}:")), "the kubeconfig still names {address}");
        self.assert_nothing_to_do();
    }

    /// Fails unless a machine is as it was before the cluster.
    fn assert_left(&self, machine: Machine<'_>) {
        let name = machine.hostname().to_owned();
        let before = BTreeMap::from([(name.clone(), self.before[&name].clone())]);
        assert_same(&before, &look_at_all([machine].into_iter()));
    }

    /// The same cluster again: no plan, and nothing written anywhere.
    fn assert_nothing_to_do(&self) {
        let worker = self.machines.worker(1);
        let before = Snapshot::of_files(worker, &STILL);
        let ended = self.operator.types(["run", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "nothing-to-do", "{}", ended.told());
        assert_eq!(Snapshot::of_files(worker, &STILL).differences(&before), [""; 0]);
    }
}
