//! A cluster that pulls from somebody else's registry, which sends its clients to a token service at its own name: nothing of the
//! images' own runs, and each machine has its certificate and user.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::SystemTime;

use libtest_mimic::Trial;
use sealift::error::Class;
use sealift::ha::authority::{registry_authority, registry_server};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::kubernetes::await_ready;
use crate::machines::{FLANNEL, KUBERNETES, Machine, Machines};
use crate::operator::{Ended, Operator};
use crate::secrets::Places;
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};
use crate::tokens::TokenService;
use crate::watch::Watch;

const NAME: &str = "external";

/// The registry, as its certificate and its users have it.
const DOMAIN: &str = "registry.example";
const PORT: u16 = 5001;
/// Where its token service is.
const TOKENS: u16 = 5002;
const USERNAME: &str = "robot$cluster";
const PASSWORD: &str = "Lighthouses-4.and/Ferries";

/// What is pushed into it later.
const PUSHED: &str = "quay.io/team/later:1";

const STAGES: [Stage<External>; 6] = [
    ("a_user_whom_it_does_not_know_is_refused", ToNobody, External::come_as_a_stranger),
    ("a_cluster_pulls_from_it", ToAllAfter, External::launch),
    ("images_are_pushed_there", ToNobody, External::push),
    ("its_users_are_not_the_clusters", ToNobody, External::change_what_is_not_ours),
    ("no_password_is_anywhere", ToNobody, External::search_passwords),
    ("delete_leaves_it_alone", ToNobody, External::delete),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell(NAME, External::begin, &STAGES)
}

struct External {
    operator: Operator,
    /// A control plane, a worker, and a machine outside of the cluster that the registry is on.
    machines: Machines,
    outside: Outside,
    printed: String,
    command_lines: String,
}

impl External {
    fn begin() -> Self {
        let machines = Machines::make(NAME, 1, 2);
        let scene = Self {
            operator: Operator::new(),
            outside: serve(machines.worker(1)),
            machines,
            printed: String::new(),
            command_lines: String::new(),
        };
        scene.operator.file("password", PASSWORD);
        scene.operator.file("wrong", "Lighthouses-5");
        scene.operator.file("ca.pem", &scene.outside.authority);
        scene
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn members(&self) -> [Machine<'_>; 2] {
        [self.first(), self.machines.worker(0)]
    }

    fn outside(&self) -> Machine<'_> {
        self.machines.worker(1)
    }

    fn clusterfile(&self, registry: &Value) -> String {
        let [first, worker] = self.members();
        let keys: Vec<&str> = self.members().map(Machine::host_key).to_vec();
        let cluster = json!({
            "apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME},
            "spec": {
                "images": [KUBERNETES, FLANNEL],
                "ssh": {"user": "root", "identities": [self.machines.key()], "hostKeys": keys},
                "hosts": [
                    {"role": "control-plane", "addresses": [first.address()]},
                    {"role": "worker", "addresses": [worker.address()]},
                ],
                "hostAliases": [{"ip": self.outside().address(), "hostnames": [DOMAIN]}],
                "registry": registry,
            },
        });
        self.operator.file("Clusterfile", &cluster.to_string())
    }

    fn registry(&self, password: &str) -> Value {
        let path = |name: &str| format!("file:{}", self.operator.person().join(name).display());
        json!({
            "kind": "external", "domain": DOMAIN, "port": PORT, "ca": path("ca.pem"),
            "username": USERNAME, "password": path(password),
        })
    }

    fn types(&mut self, words: &[&str]) -> Ended {
        let watch = Watch::begin();
        let ended = self.operator.types(words);
        self.command_lines.extend(watch.end().into_iter().map(|line| line + "\n"));
        self.printed += &ended.printed();
        ended
    }

    fn apply(&mut self, registry: &Value) -> Ended {
        let file = self.clusterfile(registry);
        self.types(&["apply", "-f", &file, "--yes"])
    }

    /// Every machine says so, and none is touched.
    fn come_as_a_stranger(&mut self) {
        let ended = self.apply(&self.registry("wrong"));
        let problems = ended.problems();
        assert_eq!(problems.len(), 2, "{}", ended.told());
        for problem in problems {
            assert!(problem.message.contains("does not let this user in"), "{problem}");
            assert_eq!(problem.class, Class::Config);
        }
        for machine in self.members() {
            machine.sh("test ! -e /var/lib/sealift/machine.json");
        }
    }

    fn launch(&mut self) {
        let ended = self.apply(&self.registry("password")).well();
        assert_eq!(ended.summary()["ending"], "done");
        await_ready(self.first(), &self.members());
        for machine in self.members() {
            machine.sh("test ! -e /etc/systemd/system/registry.service");
            machine.sh(&format!("crictl rmi registry.k8s.io/pause:3.10.2 >/dev/null 2>&1; crictl pull {DOMAIN}:{PORT}/pause:3.10.2"));
        }
        assert_eq!(self.apply(&self.registry("password")).well().summary()["ending"], "nothing-to-do");
    }

    fn push(&mut self) {
        let context = self.operator.person().join("later");
        fs::create_dir_all(&context).unwrap();
        fs::write(context.join("Kubefile"), "FROM scratch\nCOPY file .\n").unwrap();
        fs::write(context.join("file"), "later").unwrap();
        self.operator.reads(["build", "-t", PUSHED, &context.display().to_string()]);
        let push = ["registry", "push", PUSHED, "--name", NAME];
        assert_eq!(self.types(&push).well().summary()["ending"], "done");
        assert_eq!(self.types(&push).well().summary()["ending"], "nothing-to-do");
        let listed = self.operator.asks(["registry", "list", "--name", NAME]);
        assert_eq!(listed["registries"], json!([format!("{DOMAIN}:{PORT}")]));
        let mut images = listed["images"].as_array().unwrap().iter();
        assert!(images.any(|image| image["repository"] == "team/later" && image["tag"] == "1"), "{listed:#}");
        self.machines.worker(0).sh(&format!("crictl pull {PUSHED}"));
    }

    fn change_what_is_not_ours(&mut self) {
        let refused = self.types(&["registry", "passwd", "--name", NAME, "--yes"]);
        let problems = refused.problems();
        assert_eq!((problems.len(), problems[0].class), (1, Class::Refused), "{}", refused.told());
        let given = self.outside.tokens.given();
        assert!(given.iter().any(|scope| scope == "repository:pause:pull"), "{given:?}");
        let refused = self.apply(&json!({"kind": "own"}));
        let problems = refused.problems();
        assert_eq!((problems.len(), problems[0].class), (1, Class::Refused), "{}", refused.told());
        assert!(problems[0].message.contains("pulls from an external registry"), "{}", problems[0]);
    }

    fn search_passwords(&mut self) {
        let file = self.clusterfile(&self.registry("password"));
        self.printed += &self.operator.reads(["plan", "-f", &file]).concat();
        let mut places = self.told_and_logged();
        places.add_home(&self.operator);
        places.add_objects(self.first());
        let kept = ["Secret/kube-system/sealift-state", &format!("clusters/{NAME}/state.json")];
        assert_eq!(places.holding(PASSWORD), kept);
    }

    fn told_and_logged(&self) -> Places {
        let mut places = Places::default();
        places.add("printed", &self.printed);
        places.add("command lines", &self.command_lines);
        for machine in self.members() {
            places.add_machine(machine);
        }
        places
    }

    fn delete(&mut self) {
        let file = self.clusterfile(&self.registry("password"));
        assert_eq!(self.types(&["delete", "-f", &file, "--yes"]).well().summary()["ending"], "done");
        for machine in self.members() {
            let hosts = machine.sh("cat /etc/hosts");
            assert!(!hosts.contains(DOMAIN), "{hosts}");
        }
        assert_eq!(self.told_and_logged().holding(PASSWORD), [""; 0]);
        self.outside()
            .sh("systemctl is-active outside && ls /srv/registry/docker/registry/v2/repositories/pause");
    }
}

/// What somebody else has.
struct Outside {
    authority: String,
    tokens: TokenService,
    _runtime: Runtime,
}

/// Starts the registry that cluster images carry on a machine, as somebody else would, and its token service here, which is reached
/// by way of the machine.
fn serve(machine: Machine<'_>) -> Outside {
    let authority = registry_authority("somebody", SystemTime::now()).unwrap();
    let address = machine.address().parse().unwrap();
    let own = registry_server(&authority, address, &[DOMAIN.to_owned()], SystemTime::now()).unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = machine.sh("ip route show default | awk '{print $3; exit}'");
    let here = TcpListener::bind((gateway.trim(), 0)).unwrap();
    let at = here.local_addr().unwrap();
    let tokens = {
        let _within = runtime.enter();
        TokenService::start(here, &own, USERNAME, PASSWORD)
    };
    let config = json!({
        "version": 0.1, "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": "/srv/registry"}},
        "http": {
            "addr": format!(":{PORT}"),
            "tls": {"certificate": "/srv/registry.crt", "key": "/srv/registry.key"},
        },
        "auth": TokenService::configuration(&format!("{DOMAIN}:{TOKENS}"), "/srv/tokens.crt"),
    });
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("registry.crt", own.certificate_pem.as_str()),
        ("registry.key", own.key_pem.expose_secret()),
        ("tokens.crt", &tokens.certificate()),
        ("config.yml", &config.to_string()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
        machine.take(&folder.path().join(name), "/srv");
    }
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/kubernetes/parts").join(arch);
    machine.take(&parts.join("cri/registry"), "/usr/local/bin");
    machine.sh(&format!(
        "systemd-run --quiet --unit outside --setenv OTEL_TRACES_EXPORTER=none /usr/local/bin/registry serve /srv/config.yml && \
         systemd-run --quiet --unit tokens --socket-property=ListenStream={TOKENS} /usr/lib/systemd/systemd-socket-proxyd {at}",
    ));
    for port in [PORT, TOKENS] {
        crate::machines::until("what is outside answers", || {
            machine.try_sh(&format!("curl -sk https://127.0.0.1:{port}/v2/")).status.success().then_some(())
        });
    }
    Outside { authority: authority.certificate_pem, tokens, _runtime: runtime }
}
