//! Nodes changed in place, and machines that leave: the first control plane, one that is dead, workers.

use serde_json::json;

use super::{
    BTreeMap, Life, Machine, NAME, assert_plan_is_carried_out, assert_same, await_ready, events, in_order,
    kubectl, look_at_all, step,
};
use crate::events::Ran;
use crate::machines::until;

impl Life {
    pub(super) fn change_nodes(&mut self) {
        let worker = self.machines.worker(1).hostname().to_owned();
        let shown = |life: &Self, field: &str| {
            kubectl(life.first(), &format!("get node {worker} -o jsonpath={field}"))
        };
        let label = |life: &Self| shown(life, "{.metadata.labels.example\\\\.com/disk}");
        let capacity = |life: &Self| shown(life, "{.status.capacity.pods}");
        let before = capacity(self);
        self.declared.wishes = json!({
            "labels": {"example.com/disk": "ssd"},
            "taints": ["example.com/slow=yes:PreferNoSchedule"],
            "kubeletArguments": {"max-pods": "77"},
        });
        self.apply(&[]);
        assert_eq!((label(self).as_str(), capacity(self).as_str()), ("ssd", "77"));
        assert!(shown(self, "{.spec.taints}").contains("example.com/slow"));
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
        self.declared.wishes = json!({});
        self.apply(&[]);
        assert_eq!((label(self).as_str(), capacity(self)), ("", before));
        assert!(!shown(self, "{.spec.taints}").contains("example.com/slow"));
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
    }

    /// The file names another machine in its place.
    pub(super) fn replace_first_control_plane(&mut self) {
        let leaves = self.declared.control_planes[0];
        self.declared.control_planes[0] = 3;
        let ended = self.apply(&["--prune"]);
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let (old, new) = (self.machines.control_plane(leaves), self.machines.control_plane(3));
        let (leaving, coming) = (old.address(), new.address());
        let join = step(&steps, "join as control plane", Some(&coming));
        let vote = step(&steps, "take its etcd out", Some(&leaving));
        in_order(&[join, step(&steps, "move its pods", Some(&leaving)), vote]);
        assert_it_goes_in_order(&steps, &leaving);
        // Those that stay know it before it goes.
        for worker in self.workers() {
            in_order(&[step(&steps, "start care", Some(&worker.address())), vote]);
        }
        self.assert_left(old);
        self.assert_settled();
        let kubeconfig = self.operator.home().join("clusters").join(NAME).join("kubeconfig");
        let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
        assert!(!kubeconfig.contains(&format!("{leaving}:")), "the kubeconfig still names {leaving}");
    }

    /// One that will never come back; the machine that was the first takes its place, as clean as it is now.
    pub(super) fn replace_dead_control_plane(&mut self) {
        let (dead, comes) = (self.machines.control_plane(1), self.machines.control_plane(0));
        dead.kill();
        let pair = format!("{}={}", dead.address(), comes.address());
        let mut words = ["replace", &pair, "--name", NAME, "--yes"].map(str::to_owned).to_vec();
        words.extend(self.machines.login());
        let refused = self.operator.types(&words);
        assert_eq!(refused.code(), Some(9), "{}", refused.told());
        words.push("--force".to_owned());
        let ended = self.operator.types(&words).well();
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let vote = step(&steps, "take its etcd out", Some(&dead.address()));
        in_order(&[vote, step(&steps, "join as control plane", Some(&comes.address()))]);
        self.declared.control_planes[1] = 0;
        self.lost.push(self.machines.control_plane(1).hostname().to_owned());
        self.assert_settled();
    }

    /// Two workers leave, one of them later, since a budget holds its pod.
    pub(super) fn remove_workers(&mut self) {
        self.declared.workers = vec![0];
        // `--yes` does not agree to that, and nobody can be asked.
        let refused = self.types_apply(&[]);
        assert_eq!(refused.code(), Some(9), "{}", refused.told());
        assert!(events::steps(&refused.lines).is_empty(), "{}", refused.told());
        assert!(refused.problems()[0].remedies[0].contains("`--prune`"), "{}", refused.told());
        let holds = self.machines.worker(1);
        let manifest = held(holds.hostname());
        self.control_planes()[0].sh(&format!(
            "KUBECACHEDIR=/dev/shm/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f - <<'EOF'\n{manifest}\nEOF"
        ));
        let commanding = self.control_planes()[0];
        kubectl(commanding, "rollout status deployment/held --timeout 120s");
        until("its budget counts the pod", || {
            let healthy =
                kubectl(commanding, "get poddisruptionbudget held -o jsonpath={.status.currentHealthy}");
            (healthy == "1").then_some(())
        });
        let held = self.types_apply(&["--prune", "--drain-timeout", "15s"]);
        assert_eq!(held.code(), Some(8), "{}", held.told());
        let set_aside = &held.summary()["set_aside"];
        assert_eq!(set_aside[0]["machine"], holds.address().as_str());
        let told = set_aside.to_string();
        assert!(told.contains("default/held-") && told.contains("budget held"), "{told}");
        kubectl(commanding, &format!("get node {}", holds.hostname()));
        kubectl(commanding, "delete poddisruptionbudget held");
        let ended = self.apply(&["--prune"]);
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        // The other one did not wait for it.
        assert_it_goes_in_order(&events::steps(&held.lines), &self.machines.worker(2).address());
        assert_it_goes_in_order(&steps, &holds.address());
        for gone in [1, 2].map(|index| self.machines.worker(index)) {
            self.assert_left(gone);
        }
        self.assert_settled();
    }

    /// Everybody who used the cluster from three control planes on finds all that it said it had.
    pub(super) fn find_all_writes(&mut self) {
        let server = format!("https://{}:6443", self.control_planes()[0].address());
        let written: Vec<_> = self.writers.drain(..).map(|writer| writer.end(&server).unwrap()).collect();
        let [through_vip, pinned] = written.as_slice() else { panic!("{} clients", written.len()) };
        for client in [through_vip, pinned] {
            assert!(client.acknowledged.len() > 60, "{client:#?}");
        }
        crate::story::report(&format!(
            "life: errors for {:.1} s through the virtual address, {:.1} s at an API server that stayed",
            through_vip.error_time.as_secs_f64(),
            pinned.error_time.as_secs_f64(),
        ));
        let more = through_vip.error_time.saturating_sub(pinned.error_time);
        // Ten times what is promised.
        assert!(more.as_secs() < 50, "{through_vip:#?}\n{pinned:#?}");
    }

    /// Fails unless a machine is as it was before the cluster.
    fn assert_left(&self, machine: Machine<'_>) {
        let name = machine.hostname().to_owned();
        let before = BTreeMap::from([(name.clone(), self.before[&name].clone())]);
        assert_same(&before, &look_at_all([machine].into_iter()));
    }

    /// Fails unless the cluster is its members, everywhere, and nothing is left to do.
    fn assert_settled(&self) {
        await_ready(self.control_planes()[0], &self.members());
        self.assert_control_planes_are_known();
        let again = self.apply(&[]);
        assert_eq!(again.summary()["ending"], "nothing-to-do", "{}", again.told());
    }
}

/// A machine's pods, vote and what is on it go in this order.
#[track_caller]
fn assert_it_goes_in_order(steps: &[Ran], address: &str) {
    let on = |title| step(steps, title, Some(address));
    let vote = steps
        .iter()
        .find(|ran| ran.title.starts_with("take its etcd") && ran.machine.as_deref() == Some(address));
    let order = [Some(on("move its pods")), vote, Some(on("clean the machine")), Some(on("remove its Node"))];
    let order: Vec<&Ran> = order.into_iter().flatten().chain([on("remove data, marker")]).collect();
    in_order(&order);
}

/// A pod that would rather be on this Node, and may not leave it.
fn held(node: &str) -> String {
    let labels = json!({"app": "held"});
    let here =
        json!({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]});
    let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": here}]}});
    let container = json!({"name": "held", "image": "docker.io/sealift/hello:v1"});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "held"}, "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"affinity": affinity, "containers": [container]}},
        }},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "held"}, "spec": {
            "minAvailable": 1, "selector": {"matchLabels": labels},
        }},
    ]});
    list.to_string()
}
