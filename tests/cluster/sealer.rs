//! An image laid out as sealer's base images of v0.9 and later are, run as it is: its scripts, its registry in a container. What
//! machines need beyond it that are containers, Configs in the Clusterfile say.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::kubernetes::{await_ready, kubectl};
use crate::machines::{FLANNEL, HELLO, Machine, Machines};
use crate::operator::{Ended, Operator};
use crate::snapshot::{Snapshot, assert_same_but_for, look_at_all};
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};

const NAME: &str = "sealer";

/// The image, as images/build.sh calls it.
const LAYOUT: &str = "sealer-layout:v1.36.3";

/// What machines that are containers need beyond it.
const IN_CONTAINERS: &str = include_str!("sealer/containers.yaml");

/// What the image's own scripts leave on a machine, whoever runs them, and what others do.
const LEFT: [(&str, &str); 3] = [
    (r"kernel setting net\..*", "kubelet-pre-start.sh sets them and no script takes them away"),
    (r"file /usr/lib/modules", "the runtime makes the empty directory, since kube-proxy wants to see it"),
    (
        r"nft ip (nat|filter): .*",
        "iptables makes tables and chains, empty, and sets the policy that kubelet-pre-start.sh asks for",
    ),
];

const STAGES: [Stage<Sealer>; 6] = [
    ("an_unmodified_image_makes_a_cluster", ToAllAfter, Sealer::launch),
    ("a_second_apply_does_nothing", ToNobody, Sealer::apply_again),
    ("applications_within_it_are_chosen", ToNobody, Sealer::choose_applications),
    ("its_registry_takes_other_credentials", ToNobody, Sealer::change_credentials),
    ("an_application_comes_from_its_registry", ToNobody, Sealer::add_application),
    ("delete_leaves_what_the_image_leaves", ToNobody, Sealer::delete),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell("sealer", Sealer::begin, &STAGES)
}

struct Sealer {
    operator: Operator,
    machines: Machines,
    images: Vec<&'static str>,
    /// Further fields of the Clusterfile.
    more: Value,
    before: BTreeMap<String, Snapshot>,
}

impl Sealer {
    fn begin() -> Self {
        crate::machines::build_image("sealer-layout");
        let machines = Machines::make("sealer", 1, 1);
        let before = look_at_all(machines.all());
        Self { operator: Operator::new(), machines, images: vec![LAYOUT, FLANNEL], more: json!({}), before }
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn members(&self) -> Vec<Machine<'_>> {
        self.machines.all().collect()
    }

    fn file(&self) -> String {
        let keys: Vec<&str> = self.machines.all().map(Machine::host_key).collect();
        let mut cluster: Value = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": self.images,
                "ssh": {"user": "root", "identities": [self.machines.key()], "hostKeys": keys},
                "hosts": [
                    {"role": "control-plane", "addresses": [self.first().address()]},
                    {"role": "worker", "addresses": [self.machines.worker(0).address()]},
                ],
            },
        });
        for (name, value) in self.more.as_object().unwrap() {
            cluster["spec"][name] = value.clone();
        }
        self.operator.file("Clusterfile", &format!("{cluster:#}\n---\n{IN_CONTAINERS}"))
    }

    fn apply(&self) -> Ended {
        let file = self.file();
        self.operator.types(["apply", "-f", &file, "--yes"]).well()
    }

    fn launch(&mut self) {
        assert_eq!(self.apply().summary()["ending"], "done");
        await_ready(self.first(), &self.members());
        for machine in self.members() {
            machine.sh(&format!("test -e /var/lib/sealer/data/{NAME}/rootfs/scripts/init-kube.sh"));
            machine.sh("systemctl is-active containerd kubelet");
        }
        // The template of its kubeadm.yml was rendered, not the file that it is built with.
        let images =
            kubectl(self.first(), "get pods -n kube-system -o jsonpath={.items[*].spec.containers[*].image}");
        let names = images.split_whitespace();
        assert!(
            names.clone().count() > 5 && names.into_iter().all(|name| name.starts_with("sea.hub:5000/")),
            "{images}"
        );
        self.first().sh("grep -q '\"kind\":\"Event\"' /var/log/kubernetes/audit.log");
        // The registry is the image's container, and nobody comes without a password.
        self.first().sh("ctr --namespace sealer tasks ls | grep -q 'sealer-registry.*RUNNING'");
        // The applications that it launches by itself were launched, once, and no other.
        assert_eq!(self.data("note", "{.data.registry} {.data.colour}"), "sea.hub:5000 green");
        assert_eq!(
            (self.data("tool", "{.data.ran}"), self.data("spare", "{.metadata.name}")),
            ("x".into(), String::new())
        );
        let code = "curl -sk -o /dev/null -w '%{http_code}' http://sea.hub:5000/v2/";
        assert_eq!(self.machines.worker(0).sh(code), "401");
    }

    /// Something of a ConfigMap in `kube-system`; nothing, if there is none.
    fn data(&self, name: &str, path: &str) -> String {
        let asked = format!("get configmap {name} -n kube-system --ignore-not-found -o jsonpath='{path}'");
        kubectl(self.first(), &asked).trim().to_owned()
    }

    /// They are named in another order, with values for their commands; what is left out stays as it is.
    fn choose_applications(&mut self) {
        self.more = json!({"applications": ["spare", "tool", "flannel"], "arguments": {"WORDS": "two"}});
        let ended = self.apply();
        assert_eq!(ended.summary()["ending"], "done", "{}", ended.summary());
        assert_eq!(self.data("spare", "{.metadata.annotations.words}"), "two");
        assert_eq!(
            (self.data("tool", "{.data.ran}"), self.data("note", "{.data.colour}")),
            ("xx".into(), "green".into())
        );
        assert_eq!(self.apply().summary()["ending"], "nothing-to-do");
        self.more = json!({"applications": ["flannel"]});
        self.apply();
        assert_eq!(self.data("tool", "{.data.ran}"), "xx");
        self.more = json!({});
        self.apply();
        assert_eq!(self.data("tool", "{.data.ran}"), "xxx");
    }

    fn apply_again(&mut self) {
        assert_eq!(self.apply().summary()["ending"], "nothing-to-do");
    }

    fn change_credentials(&mut self) {
        let ended = self.operator.types(["registry", "passwd", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done");
        assert_eq!(self.apply().summary()["ending"], "nothing-to-do");
    }

    /// Its images are another registry's by their names, and come from the cluster's own.
    fn add_application(&mut self) {
        self.images.push(HELLO);
        assert_eq!(self.apply().summary()["ending"], "done");
        await_ready(self.first(), &self.members());
    }

    fn delete(&mut self) {
        let file = self.file();
        let ended = self.operator.types(["delete", "-f", &file, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done");
        assert_same_but_for(&LEFT, &self.before, &look_at_all(self.machines.all()));
    }
}
