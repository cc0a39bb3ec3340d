//! A cluster of both address families, IPv6 first: its control plane, its virtual address and its registries are reached in IPv6, and pods
//! and Services have addresses of both.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::kubernetes::{await_ready, kubectl};
use crate::machines::{FLANNEL, HELLO, KUBERNETES, Machine, Machines, until};
use crate::operator::Operator;
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};

const NAME: &str = "families";

const STAGES: [Stage<Families>; 4] = [
    ("a_cluster_of_both_is_made", ToAllAfter, Families::launch),
    ("nodes_and_pods_have_both", ToNobody, Families::look_at_addresses),
    ("services_answer_in_both", ToNobody, Families::ask_services),
    ("nothing_is_left_to_do", ToNobody, Families::apply_again),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell(NAME, Families::begin, &STAGES)
}

struct Families {
    operator: Operator,
    machines: Machines,
}

impl Families {
    /// Docker gives machines IPv4; the bridge that they are on carries IPv6 as well. A way out is what the kernel asks for before it looks
    /// whether an address is a Service's, though nobody is there.
    fn begin() -> Self {
        let scene = Self { operator: Operator::new(), machines: Machines::make(NAME, 1, 1) };
        for (machine, six) in scene.members().into_iter().zip(SIX) {
            machine.sh(&format!(
                "echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6
                 echo 0 >/proc/sys/net/ipv6/conf/default/disable_ipv6
                 echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6
                 ip -6 address add {six}/64 dev eth0 nodad
                 ip -6 route add default via fd77::1 dev eth0"
            ));
        }
        scene
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn members(&self) -> [Machine<'_>; 2] {
        [self.first(), self.machines.worker(0)]
    }

    /// The worker's IPv4 address is not named: it is found on the machine.
    fn clusterfile(&self) -> String {
        let [first, worker] = self.members();
        let keys: Vec<&str> = self.members().map(Machine::host_key).to_vec();
        let cluster = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": [KUBERNETES, FLANNEL, HELLO],
                "ssh": {"user": "root", "identities": [self.machines.key()], "hostKeys": keys},
                "hosts": [
                    {"role": "control-plane", "addresses": [{"ssh": first.address(), "node": [SIX[0], first.address()]}]},
                    {"role": "worker", "addresses": [{"ssh": worker.address(), "node": SIX[1]}]},
                ],
                "network": {"podCIDR": "fd01::/48,10.244.0.0/16"},
            },
        });
        self.operator.file("Clusterfile", &cluster.to_string())
    }

    fn launch(&mut self) {
        self.operator.types(["apply", "-f", &self.clusterfile(), "--yes"]).well();
        await_ready(self.first(), &self.members());
    }

    fn look_at_addresses(&mut self) {
        for (machine, six) in self.members().into_iter().zip(SIX) {
            let node = self.object(&format!("node {}", machine.hostname()));
            let addresses: Vec<&Value> = array(&node["status"]["addresses"])
                .iter()
                .filter(|address| address["type"] == "InternalIP")
                .map(|address| &address["address"])
                .collect();
            assert_eq!(addresses, [six, &machine.address()]);
            assert_eq!(families(&node["spec"]["podCIDRs"]), "64");
        }
        let pods = self.object("pods -l app=hello");
        for pod in array(&pods["items"]) {
            let addresses = array(&pod["status"]["podIPs"]).iter().map(|address| address["ip"].clone());
            assert_eq!(families(&addresses.collect()), "64", "{pod}");
        }
    }

    fn ask_services(&mut self) {
        kubectl(
            self.first(),
            "patch service hello -p '{\"spec\":{\"ipFamilyPolicy\":\"RequireDualStack\"}}'",
        );
        let service = self.object("service hello");
        let addresses = &service["spec"]["clusterIPs"];
        assert_eq!(families(addresses), "64");
        for address in array(addresses) {
            let address = address.as_str().unwrap();
            for machine in self.members() {
                until(&format!("{address} answers on {}", machine.hostname()), || {
                    let ask = format!(
                        "exec 3<>/dev/tcp/{address}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; timeout 5 cat <&3"
                    );
                    let output = machine.try_sh(&format!("timeout 10 bash -c {}", shell_words::quote(&ask)));
                    String::from_utf8_lossy(&output.stdout).contains("200 OK").then_some(())
                });
            }
        }
    }

    fn apply_again(&mut self) {
        let ended = self.operator.types(["apply", "-f", &self.clusterfile(), "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "nothing-to-do", "{}", ended.told());
    }

    fn object(&self, what: &str) -> Value {
        serde_json::from_str(&kubectl(self.first(), &format!("get {what} -o json"))).unwrap()
    }
}

/// The machines' addresses of IPv6.
const SIX: [&str; 2] = ["fd77::11", "fd77::12"];

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Tells the families of addresses or networks in their order: `64` is IPv6, then IPv4.
fn families(addresses: &Value) -> String {
    array(addresses).iter().map(|one| if one.as_str().unwrap().contains(':') { '6' } else { '4' }).collect()
}
