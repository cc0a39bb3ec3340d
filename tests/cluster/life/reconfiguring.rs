//! The documents for kubeadm, kubelet and kube-proxy are edited while the cluster runs.

use sealift::error::Class;
use serde_json::{Value, json};

use super::{Life, Machine, assert_plan_is_carried_out, await_ready, events, in_order, kubectl, step};
use crate::machines::until;

const CONTROL_PLANE: &str = "reconfigure its control plane";
const KUBELET: &str = "reconfigure its kubelet";
const PROXY: &str = "reconfigure kube-proxy";
const UPLOAD: &str = "put the changed configuration into the cluster";

/// A name that the API servers' certificates get.
const NAME: &str = "api.life.example";

impl Life {
    /// An argument of the API server and a name of its certificate, kubelet's and kube-proxy's configuration.
    pub(super) fn reconfigure(&mut self) {
        let [cluster, kubelet, proxy] = self.declared.documents.as_mut_slice() else { panic!() };
        cluster["apiServer"]["extraArgs"]["audit-log-maxage"] = json!("9");
        cluster["apiServer"]["certSANs"] = json!([NAME]);
        kubelet["maxPods"] = json!(88);
        proxy["healthzBindAddress"] = json!("127.0.0.1:10266");
        self.assert_refused();
        self.assert_foretold();

        let certificates =
            || self.control_planes().iter().map(|machine| certificate(*machine)).collect::<Vec<_>>();
        let before = certificates();
        let ended = self.apply(&[]);
        let steps = events::steps(&ended.lines);
        assert_plan_is_carried_out(&ended.lines, &steps);
        let addresses: Vec<String> = self.control_planes().iter().map(|machine| machine.address()).collect();
        let one_by_one = [CONTROL_PLANE, KUBELET].into_iter().flat_map(|title| {
            addresses.iter().map(|address| step(&steps, title, Some(address))).collect::<Vec<_>>()
        });
        in_order(&[step(&steps, UPLOAD, None)].into_iter().chain(one_by_one).collect::<Vec<_>>());
        for worker in self.workers() {
            in_order(&[step(&steps, UPLOAD, None), step(&steps, KUBELET, Some(&worker.address()))]);
        }
        in_order(&[step(&steps, UPLOAD, None), step(&steps, PROXY, None)]);

        assert!(certificates().iter().zip(&before).all(|(after, before)| after != before));
        self.assert_configured();
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
    }

    /// What cannot be changed is refused before anything is touched, with its place.
    fn assert_refused(&mut self) {
        let good = self.declared.documents.clone();
        self.declared.documents[0]["etcd"] = json!({"local": {"dataDir": "/srv/etcd"}});
        let ended = self.types_apply(&[]);
        assert_eq!(ended.code(), Some(9), "{}", ended.told());
        let problems = ended.problems();
        let is_told = |problem: &sealift::error::Problem| {
            problem.class == Class::Refused
                && problem.message.contains("Clusterfile:")
                && problem.message.contains("etcd.local.dataDir")
        };
        assert!(problems.iter().any(is_told), "{problems:#?}");
        assert!(events::steps(&ended.lines).is_empty());
        self.declared.documents = good;
    }

    /// The plan says which fields change, and what starts anew for it.
    fn assert_foretold(&self) {
        let plan = self.operator.asks(["plan", "-f", &self.file()]);
        let fields = |kind: &str| -> Vec<(String, Value, Value)> {
            let documents = plan["documents"].as_array().unwrap();
            let document = documents.iter().find(|document| document["kind"] == kind).unwrap();
            let told = |change: &Value| {
                (
                    change["field"].as_str().unwrap().to_owned(),
                    change["before"].clone(),
                    change["after"].clone(),
                )
            };
            document["fields"].as_array().unwrap().iter().map(told).collect()
        };
        let change =
            |field: &str, before: &str, after: &str| vec![(field.to_owned(), json!(before), json!(after))];
        assert_eq!(fields("KubeletConfiguration"), change("maxPods", "77", "88"));
        assert_eq!(
            fields("KubeProxyConfiguration"),
            change("healthzBindAddress", "127.0.0.1:10256", "127.0.0.1:10266")
        );
        let mut cluster: Vec<String> =
            fields("ClusterConfiguration").into_iter().map(|(field, ..)| field).collect();
        cluster.sort_unstable();
        assert_eq!(cluster, ["apiServer.certSANs", "apiServer.extraArgs.audit-log-maxage"]);
        let steps = plan["steps"].as_array().unwrap();
        let anew = steps.iter().filter(|step| step["action"] == "reconfigure-control-plane");
        let reasons: Vec<&str> = anew.filter_map(|step| step["reason"].as_str()).collect();
        assert_eq!(reasons.len(), 3, "{plan:#}");
        assert!(reasons.iter().all(|reason| reason.contains("kube-apiserver starts anew")), "{reasons:?}");
    }

    /// What runs is as the documents say.
    fn assert_configured(&self) {
        for machine in self.control_planes() {
            let arguments = machine.sh("tr '\\0' ' ' </proc/$(pgrep -x kube-apiserver)/cmdline");
            assert!(arguments.contains("--audit-log-maxage=9"), "{}: {arguments}", machine.hostname());
            let answer = machine.sh(&format!(
                "curl -sS --cacert /etc/kubernetes/pki/ca.crt --resolve {NAME}:6443:127.0.0.1 https://{NAME}:6443/readyz"
            ));
            assert_eq!(answer, "ok", "{}", machine.hostname());
        }
        for machine in self.members() {
            let node = machine.hostname();
            let told = kubectl(self.first(), &format!("get --raw /api/v1/nodes/{node}/proxy/configz"));
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told["kubeletconfig"]["maxPods"], 88, "{node}");
            machine.sh("ss -Hltn | grep -q 127.0.0.1:10266");
        }
        let uploaded = kubectl(self.first(), "get configmap -n kube-system kubeadm-config -o yaml");
        assert!(uploaded.contains(NAME) && uploaded.contains("audit-log-maxage"), "{uploaded}");
        await_ready(self.first(), &self.members());
    }

    /// Nobody but the component itself knows that it does not take an argument.
    pub(super) fn reconfigure_wrongly(&mut self) {
        let good = self.declared.documents.clone();
        self.declared.documents[0]["scheduler"] = json!({"extraArgs": {"no-such-argument": "x"}});
        let ended = self.types_apply(&[]);
        assert_eq!(ended.code(), Some(i32::from(Class::Kubernetes.exit_code())), "{}", ended.told());
        let problems = ended.problems();
        let first = self.first().address();
        let is_told = |problem: &sealift::error::Problem| {
            problem.machine.as_deref() == Some(&first)
                && problem.step.is_some()
                && problem.seen.iter().any(|line| line.contains("no-such-argument"))
                && problem.seen.iter().any(|line| line.contains("what ran before runs again"))
        };
        assert!(problems.iter().any(is_told), "{problems:#?}");
        for machine in self.control_planes() {
            until("every scheduler runs as before", || {
                let arguments = machine.try_sh("tr '\\0' ' ' </proc/$(pgrep -x kube-scheduler)/cmdline");
                let arguments = String::from_utf8_lossy(&arguments.stdout).into_owned();
                (arguments.contains("--leader-elect") && !arguments.contains("no-such-argument"))
                    .then_some(())
            });
            machine.sh("! ls /var/lib/sealift/aside/* 2>/dev/null");
        }
        self.declared.documents = good;
        self.apply(&[]);
        self.assert_configured();
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
    }
}

fn certificate(machine: Machine<'_>) -> String {
    machine.sh("sha256sum </etc/kubernetes/pki/apiserver.crt")
}
