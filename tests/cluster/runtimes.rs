//! Images of labring's layout with other container runtimes than containerd, run as they are: Docker behind cri-dockerd, and
//! CRI-O. Compiling these takes long, so `make test-all PART=runtimes` has them.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::kubernetes::{await_ready, kubectl};
use crate::labring;
use crate::machines::{FLANNEL, HELLO, Machine, Machines};
use crate::operator::{Ended, Operator};
use crate::secrets::Places;
use crate::snapshot::{Snapshot, assert_same_but_for, look_at_all};
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};

/// What makes the runc that machines need which are containers, and what takes it away again.
const UNPROTECTED: &str = include_str!("runtimes/unprotected.sh");
const PROTECTED: &str = "rm -f /usr/local/bin/runc-unprotected";

const STAGES: [Stage<Runtime>; 7] = [
    ("an_unmodified_image_makes_a_cluster", ToAllAfter, Runtime::launch),
    ("a_second_apply_does_nothing", ToNobody, Runtime::apply_again),
    ("an_application_comes_through_the_shim", ToNobody, Runtime::add_application),
    ("a_worker_joins", ToNobody, Runtime::add_worker),
    ("no_password_is_told_or_logged", ToNobody, Runtime::search_password),
    ("a_disk_within_its_data_stops_the_deletion", ToNobody, Runtime::delete_beside_a_disk),
    ("delete_leaves_what_the_image_leaves", ToNobody, Runtime::delete),
];

pub(crate) fn trials() -> Vec<Trial> {
    let docker = story::tell("part_runtimes::docker", || Runtime::begin(&DOCKER), &STAGES);
    let crio = story::tell("part_runtimes::crio", || Runtime::begin(&CRIO), &STAGES);
    docker.into_iter().chain(crio).map(|trial| trial.with_ignored_flag(true)).collect()
}

/// What is different in an image with another runtime.
struct Flavour {
    /// The image, as images/build.sh calls it, and the cluster.
    name: &'static str,
    image: &'static str,
    /// What the image does not bring.
    patches: &'static [&'static str],
    /// What machines need that are containers.
    configs: &'static str,
    /// Where its data is.
    data: &'static str,
    /// What runs on every machine.
    units: &'static str,
    /// What Nodes say of their runtime.
    told: &'static str,
    /// What the image's own scripts leave on a machine, whoever runs them, and what others do.
    left: &'static [(&'static str, &'static str)],
}

const DOCKER: Flavour = Flavour {
    name: "labring-docker",
    image: "labring-docker:v1.36.3",
    patches: &["cni-plugins:v1"],
    configs: include_str!("runtimes/docker.yaml"),
    data: "/var/lib/docker",
    units: "docker cri-docker image-cri-shim kubelet",
    told: "docker://",
    left: &[],
};

const CRIO: Flavour = Flavour {
    name: "labring-crio",
    image: "labring-crio:v1.36.3",
    patches: &[],
    configs: include_str!("runtimes/crio.yaml"),
    data: "/var/lib/crio",
    units: "crio image-cri-shim kubelet",
    told: "cri-o://",
    left: &[
        (
            r"file (/run/crun|(/etc|/run|/var/lib|/usr/share)/containers(/.*)?)",
            "CRI-O shares these with Podman and its kin, whose images may be there",
        ),
        (r"file /usr/local/lib/systemd(/system)?", "install.crio makes the directories for its unit"),
    ],
};

struct Runtime {
    flavour: &'static Flavour,
    operator: Operator,
    machines: Machines,
    workers: usize,
    applications: Vec<&'static str>,
    before: BTreeMap<String, Snapshot>,
    printed: String,
}

impl Runtime {
    fn begin(flavour: &'static Flavour) -> Self {
        for image in [&[flavour.image], flavour.patches].concat() {
            crate::machines::build_image(image.split(':').next().unwrap());
        }
        let machines = Machines::make(flavour.name, 1, 2);
        let before = look_at_all(machines.all());
        Self {
            flavour,
            operator: Operator::new(),
            machines,
            workers: 1,
            applications: vec![],
            before,
            printed: String::new(),
        }
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn members(&self) -> Vec<Machine<'_>> {
        let workers = (0..self.workers).map(|index| self.machines.worker(index));
        [self.first()].into_iter().chain(workers).collect()
    }

    fn file(&self) -> String {
        let keys: Vec<&str> = self.machines.all().map(Machine::host_key).collect();
        let images = [&[self.flavour.image], self.flavour.patches, &[FLANNEL], &self.applications].concat();
        let workers: Vec<String> = self.members()[1..].iter().map(|machine| machine.address()).collect();
        let cluster: Value = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": self.flavour.name},
            "spec": {
                "images": images,
                "ssh": {"user": "root", "identities": [self.machines.key()], "hostKeys": keys},
                "hosts": [
                    {"role": "control-plane", "addresses": [self.first().address()]},
                    {"role": "worker", "addresses": workers},
                ],
                "hooks": [
                    {"name": "unprotected", "phase": "before-prepare", "command": UNPROTECTED},
                    {"name": "protected", "phase": "after-clean", "command": PROTECTED},
                ],
            },
        });
        let configs = [self.flavour.configs, &labring::kernel_configs()].join("\n---\n");
        self.operator.file("Clusterfile", &format!("{cluster:#}\n---\n{configs}"))
    }

    fn types(&mut self, words: &[&str]) -> Ended {
        let ended = self.operator.types(words);
        self.printed += &ended.printed();
        ended.well()
    }

    fn apply(&mut self) -> Ended {
        let file = self.file();
        self.types(&["apply", "-f", &file, "--yes"])
    }

    fn launch(&mut self) {
        assert_eq!(self.apply().summary()["ending"], "done");
        await_ready(self.first(), &self.members());
        let runtimes = "get nodes -o jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}";
        let runtimes = kubectl(self.first(), runtimes);
        assert!(runtimes.split(' ').all(|runtime| runtime.starts_with(self.flavour.told)), "{runtimes}");
        for machine in self.members() {
            machine.sh(&format!("systemctl is-active {}", self.flavour.units));
            assert!(!machine.try_sh("systemctl is-active containerd").status.success());
            // Every image came through the shim, from the cluster's registry.
            let images: Value = serde_json::from_str(&machine.sh("crictl images -o json")).unwrap();
            let images = images["images"].as_array().unwrap().iter();
            let names = images.flat_map(|image| image["repoTags"].as_array().unwrap());
            let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
            assert!(names.iter().all(|name| name.starts_with("sealos.hub:5000/")), "{names:?}");
            assert!(names.contains(&"sealos.hub:5000/pause:3.10.2"), "{names:?}");
        }
    }

    fn apply_again(&mut self) {
        assert_eq!(self.apply().summary()["ending"], "nothing-to-do");
    }

    fn add_application(&mut self) {
        self.applications.push(HELLO);
        assert_eq!(self.apply().summary()["ending"], "done");
        await_ready(self.first(), &self.members());
    }

    fn add_worker(&mut self) {
        self.workers = 2;
        assert_eq!(self.apply().summary()["ending"], "done");
        await_ready(self.first(), &self.members());
    }

    /// CRI-O's scripts are given it as an argument, and print it as it is and encoded.
    fn search_password(&mut self) {
        let mut places = Places::default();
        places.add("printed", &self.printed);
        for machine in self.members() {
            places.add_machine(machine);
        }
        let state = self.operator.home().join("clusters").join(self.flavour.name).join("state.json");
        let state: Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
        let [user, password] =
            ["username", "password"].map(|field| state["registry"][field].as_str().unwrap().to_owned());
        for secret in [password.clone(), format!("{user}:{password}")] {
            assert_eq!(places.holding(&secret), [""; 0], "the registry's password");
        }
    }

    /// The scripts delete the directory without looking.
    fn delete_beside_a_disk(&mut self) {
        let disk = format!("{}/disk", self.flavour.data);
        let worker = self.machines.worker(0);
        worker.sh(&format!("mkdir {disk} && mount -t ramfs somebodys {disk} && echo mine >{disk}/file"));
        let file = self.file();
        let ended = self.operator.types(["delete", "-f", &file, "--yes"]);
        let told = ended.printed();
        assert!(told.contains(&disk) && told.contains("is still mounted"), "{told}");
        let worker = self.machines.worker(0);
        assert_eq!(worker.sh(&format!("cat {disk}/file")), "mine");
        worker.sh(&format!("umount {disk}"));
    }

    fn delete(&mut self) {
        let file = self.file();
        assert_eq!(self.types(&["delete", "-f", &file, "--yes"]).summary()["ending"], "done");
        let left = [&labring::LEFT[..], self.flavour.left].concat();
        assert_same_but_for(&left, &self.before, &look_at_all(self.machines.all()));
    }
}
