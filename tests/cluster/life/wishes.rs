//! What the Clusterfile wishes beyond machines and images: hooks, and documents for kubeadm, kubelet and kube-proxy.

use serde_json::{Value, json};

use super::{Life, events, kubectl};

/// What the hook says on every machine before it is prepared, with a variable that only sealift knows.
const GREETING: &str = "it comes as ";
/// What the hook says when a machine has gone.
const FAREWELL: &str = "it has gone from here";

/// One hook for each way in which they are run; what they save goes with the cluster.
pub(super) fn hooks() -> Value {
    json!([
        {"name": "greet", "phase": "before-prepare", "command": format!("echo {GREETING}$SEALOS_SYS_RUN_MODE")},
        {"name": "report", "phase": "after-install", "on": "first-control-plane", "script": "set -e\nkubectl get nodes -o name\n"},
        {"name": "save", "phase": "before-clean", "on": "control-planes", "etcdSnapshot": "/run/sealift/etcd-of-life"},
        {"name": "farewell", "phase": "after-clean", "on": "all", "command": format!("echo {FAREWELL}"), "timeout": "30s"},
    ])
}

/// A document for each component, in a version of kubeadm's that the Kubernetes at hand does not read.
pub(super) fn documents() -> Vec<Value> {
    vec![
        json!({"apiVersion": "kubeadm.k8s.io/v1beta3", "kind": "ClusterConfiguration",
               "apiServer": {"extraArgs": {"profiling": "false"}}, "controllerManager": {"extraArgs": {"terminated-pod-gc-threshold": "77"}}}),
        json!({"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "maxPods": 77}),
        json!({"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "healthzBindAddress": "127.0.0.1:10256"}),
    ]
}

impl Life {
    /// Hooks have run where they are for, and nowhere else.
    pub(super) fn find_hooks(&mut self) {
        let said = |machine: super::Machine<'_>, hook: &str| {
            machine.try_sh(&format!("cat /var/lib/sealift/hooks/{hook}.log"))
        };
        for (machine, mode) in self.small().into_iter().zip(["master", "node"]) {
            let greeting = said(machine, "greet");
            assert_eq!(String::from_utf8_lossy(&greeting.stdout), format!("{GREETING}{mode}\n"));
        }
        let report = String::from_utf8_lossy(&said(self.first(), "report").stdout).into_owned();
        for machine in self.small() {
            assert!(report.contains(&format!("node/{}", machine.hostname())), "{report}");
        }
        assert!(!said(self.machines.worker(0), "report").status.success(), "the hook is for a control plane");
    }

    /// What the documents say is in the arguments of the components that run, and in the cluster's ConfigMaps.
    pub(super) fn find_wishes_in_components(&mut self) {
        let first = self.first();
        // As the kernel calls them, in fifteen letters.
        for (component, argument) in
            [("kube-apiserver", "--profiling=false"), ("kube-controller", "--terminated-pod-gc-threshold=77")]
        {
            let running = first.sh(&format!("tr '\\0' ' ' </proc/$(pgrep -x {component})/cmdline"));
            assert!(running.contains(argument), "{component}: {running}");
        }
        let of = |name: &str| kubectl(first, &format!("get configmap -n kube-system {name} -o yaml"));
        for (name, field) in [
            ("kubeadm-config", "name: profiling"),
            ("kubelet-config", "maxPods: 77"),
            ("kube-proxy", "healthzBindAddress: 127.0.0.1:10256"),
        ] {
            let content = of(name);
            assert!(content.contains(field), "{name} does not say {field}:\n{content}");
        }
        for machine in self.small() {
            let node = machine.hostname();
            let pods = kubectl(first, &format!("get node {node} -o jsonpath={{.status.capacity.pods}}"));
            assert_eq!(pods, "77", "{node}");
            machine.sh("ss -Hltn | grep -q 127.0.0.1:10256");
        }
    }
}

/// Fails unless the hooks for machines that leave have run on each of these.
pub(super) fn assert_parted(lines: &[events::Line], control_planes: usize, machines: usize) {
    let said = |text: &str| {
        let outputs = lines.iter().filter(|line| line.value["event"] == "step-said");
        outputs.filter(|line| line.value.to_string().contains(text)).count()
    };
    assert_eq!(said("etcd is saved in /run/sealift/etcd-of-life"), control_planes);
    assert_eq!(said(FAREWELL), machines);
}
