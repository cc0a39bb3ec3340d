//! The members of real etcds: looked at, taken out, made room for, saved. Each test has a network of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use sealift::error::Class;
use sealift::etcd::Etcd;
use sealift::model::EtcdMember;
use sealift::wire::Touched;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Set for the copy of this program that runs in a network of its own.
const INSIDE: &str = "SEALIFT_TEST_INSIDE";

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn members_are_told_with_whether_they_answer() {
    within("members_are_told_with_whether_they_answer", async |mut etcds: Etcds| {
        let members = etcds.asked_at(1).members().await.unwrap();
        assert_eq!(members.len(), 3);
        assert!(members.iter().all(|member| member.healthy && !member.learner), "{members:#?}");
        etcds.kill(3);
        let members = etcds.asked_at(1).members().await.unwrap();
        let silent: Vec<&EtcdMember> = members.iter().filter(|member| !member.healthy).collect();
        assert_eq!(silent.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["m3"]);
        // Two of three that are left can list the members and decide nothing.
        etcds.kill(2);
        until("nobody can decide", async || {
            let members = etcds.asked_at(1).members().await.ok()?;
            members.iter().all(|member| !member.healthy).then_some(())
        })
        .await;
    });
}

#[test]
fn the_leader_goes_and_another_leads_before() {
    within("the_leader_goes_and_another_leads_before", async |etcds: Etcds| {
        let leader = etcds.leader();
        let other = leader % 3 + 1;
        let (touched, told) = removed(&etcds.asked_at(other), leader).await;
        assert_eq!(touched.unwrap(), Touched::Changed);
        assert!(told.iter().any(|line| line.contains("leads etcd in place of")), "{told:?}");
        let names =
            |members: &[EtcdMember]| members.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
        let members = etcds.asked_at(other).members().await.unwrap();
        assert_eq!(members.len(), 2);
        assert!(!names(&members).contains(&format!("m{leader}")), "{members:#?}");
        assert_eq!(removed(&etcds.asked_at(other), leader).await.0.unwrap(), Touched::Unchanged);
    });
}

#[test]
fn a_removal_that_would_lose_the_quorum_changes_nothing() {
    within("a_removal_that_would_lose_the_quorum_changes_nothing", async |mut etcds: Etcds| {
        etcds.kill(3);
        let etcd = etcds.asked_at(1);
        let problem = removed(&etcd, 2).await.0.unwrap_err();
        assert_eq!(problem.class, Class::Quorum, "{problem}");
        assert_eq!(etcd.members().await.unwrap().len(), 3);
        // The dead one can go, and then one of two, but not the last.
        assert_eq!(removed(&etcd, 3).await.0.unwrap(), Touched::Changed);
        assert_eq!(removed(&etcd, 2).await.0.unwrap(), Touched::Changed);
        assert_eq!(removed(&etcd, 1).await.0.unwrap_err().class, Class::Quorum);
        assert_eq!(etcd.members().await.unwrap().len(), 1);
    });
}

#[test]
fn what_a_cut_off_join_left_behind_makes_room() {
    within("what_a_cut_off_join_left_behind_makes_room", async |etcds: Etcds| {
        let etcd = etcds.asked_at(1);
        let soon = Duration::from_secs(2);
        let admit = async |last: u8, unfinished: &[u8]| {
            let unfinished: Vec<IpAddr> = unfinished.iter().map(|last| address(*last)).collect();
            etcd.admit(address(last), &unfinished, soon, &|_| {}).await
        };
        admit(4, &[]).await.unwrap();
        // A learner that never started, of the machine itself and of another whose join is not over.
        for (joining, unfinished) in [(4, vec![]), (5, vec![4])] {
            etcds.add_learner(4);
            assert_eq!(etcd.members().await.unwrap().len(), 4);
            admit(joining, &unfinished).await.unwrap();
            assert_eq!(etcd.members().await.unwrap().len(), 3);
        }
        // Somebody else's learner is waited for, and one that works has joined.
        etcds.add_learner(4);
        let problem = admit(5, &[]).await.unwrap_err();
        assert_eq!(problem.class, Class::Quorum);
        assert!(problem.to_string().contains("192.0.2.4"), "{problem}");
        admit(4, &[]).await.unwrap();
        assert_eq!(admit(2, &[]).await.unwrap_err().class, Class::Refused);
    });
}

#[test]
fn nobody_joins_while_a_member_is_silent() {
    within("nobody_joins_while_a_member_is_silent", async |mut etcds: Etcds| {
        etcds.kill(2);
        let etcd = etcds.asked_at(1);
        let soon = Duration::from_secs(2);
        let problem = etcd.admit(address(4), &[], soon, &|_| {}).await.unwrap_err();
        assert_eq!(problem.class, Class::Quorum);
        assert!(problem.to_string().contains("m2"), "{problem}");
        // The machine of the silent one may join anew: its old member goes first.
        etcd.admit(address(2), &[], soon, &|_| {}).await.unwrap();
        assert_eq!(etcd.members().await.unwrap().len(), 2);
    });
}

#[test]
fn a_snapshot_holds_what_was_written() {
    within("a_snapshot_holds_what_was_written", async |etcds: Etcds| {
        let word = "c2VhbGlmdC1zbmFwc2hvdA=="; // sealift-snapshot
        etcds.call(1, "kv/put", &json!({"key": word, "value": word}));
        let directory = etcds.directory.path().join("saved");
        let path = etcds.asked_at(1).snapshot(&directory, "20260101T000000Z").await.unwrap();
        let saved = std::fs::read(&path).unwrap();
        let word = b"sealift-snapshot";
        assert!(saved.windows(word.len()).any(|window| window == word), "{} bytes", saved.len());
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    });
}

async fn removed(etcd: &Etcd, last: u8) -> (sealift::error::Result<Touched>, Vec<String>) {
    let told = Mutex::new(vec![]);
    let touched = etcd.remove(address(last), &|line| told.lock().unwrap().push(line)).await;
    (touched, told.into_inner().unwrap())
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

/// Runs a test with three etcds in a network of its own.
fn within(test: &str, inside: impl AsyncFnOnce(Etcds)) {
    if std::env::var_os(INSIDE).is_some() {
        return tokio::runtime::Runtime::new().unwrap().block_on(async {
            run(Command::new("ip").args(["link", "set", "lo", "up"]));
            // Members look where a peer comes from, and on 127.0.0.0/8 everybody comes from its first address.
            for last in 1..=5 {
                run(Command::new("ip").args([
                    "address",
                    "add",
                    &format!("{}/32", address(last)),
                    "dev",
                    "lo",
                ]));
            }
            inside(Etcds::start().await).await;
        });
    }
    let etcd = program();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net"]).arg(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--nocapture"]).env(INSIDE, etcd).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The etcd that cluster images carry.
fn program() -> PathBuf {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/kubernetes/parts.sh");
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    PathBuf::from(run(Command::new(parts).args([arch, "etcd"])).trim()).join("etcd")
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it did not come: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Three real etcds with the certificates that kubeadm would make, by their numbers from 1.
struct Etcds {
    directory: TempDir,
    processes: Vec<Option<Child>>,
}

impl Etcds {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        make_certificates(directory.path());
        let processes = (1..=3).map(|last| Some(start(directory.path(), last))).collect();
        let etcds = Self { directory, processes };
        until("all of them work", async || {
            let members = etcds.asked_at(1).members().await.ok()?;
            (members.len() == 3 && members.iter().all(|member| member.healthy)).then_some(())
        })
        .await;
        etcds
    }

    fn asked_at(&self, last: u8) -> Etcd {
        Etcd::at(&format!("https://192.0.2.{last}:2379"), self.directory.path()).unwrap()
    }

    fn kill(&mut self, last: u8) {
        let mut process = self.processes[usize::from(last) - 1].take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks without the code that is tested.
    fn call(&self, last: u8, path: &str, body: &Value) -> Value {
        let mut command = Command::new("curl");
        command.args(["-sS", "--cacert", "ca.crt", "--cert", "healthcheck-client.crt"]);
        command.args(["--key", "healthcheck-client.key", "-X", "POST", "-d", &body.to_string()]);
        command.arg(format!("https://192.0.2.{last}:2379/v3/{path}")).current_dir(self.directory.path());
        serde_json::from_str(&run(&mut command)).unwrap()
    }

    fn leader(&self) -> u8 {
        let status = self.call(1, "maintenance/status", &json!({}));
        let members = self.call(1, "cluster/member/list", &json!({}));
        let leads = |member: &&Value| member["ID"] == status["leader"];
        let leader = members["members"].as_array().unwrap().iter().find(leads).unwrap();
        leader["name"].as_str().unwrap()[1..].parse().unwrap()
    }

    fn add_learner(&self, last: u8) {
        let url = format!("https://192.0.2.{last}:2380");
        let began = Instant::now();
        loop {
            let body = json!({"peerURLs": [&url], "isLearner": true});
            let answer = self.call(1, "cluster/member/add", &body);
            if answer["member"]["ID"].is_string() {
                return;
            }
            // Until the members have been in touch for a few seconds etcd takes no new one.
            assert!(began.elapsed() < PATIENCE, "{answer}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Etcds {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn start(directory: &Path, last: u8) -> Child {
    let url = |port: u16| format!("https://192.0.2.{last}:{port}");
    let cluster: Vec<String> = (1..=3).map(|last| format!("m{last}=https://192.0.2.{last}:2380")).collect();
    let mut command = Command::new(std::env::var_os(INSIDE).unwrap());
    command.arg(format!("--name=m{last}")).arg(format!("--data-dir=data-{last}"));
    command.arg(format!("--listen-peer-urls={}", url(2380)));
    command.arg(format!("--initial-advertise-peer-urls={}", url(2380)));
    command.arg(format!("--listen-client-urls={}", url(2379)));
    command.arg(format!("--advertise-client-urls={}", url(2379)));
    command.arg(format!("--initial-cluster={}", cluster.join(",")));
    for (who, verify) in [("", "--client-cert-auth"), ("peer-", "--peer-client-cert-auth")] {
        command.arg(verify).arg(format!("--{who}trusted-ca-file=ca.crt"));
        command.arg(format!("--{who}cert-file=server.crt")).arg(format!("--{who}key-file=server.key"));
    }
    let log = std::fs::File::create(directory.join(format!("log-{last}"))).unwrap();
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// One certificate serves all of them and their clients.
fn make_certificates(directory: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "etcd-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    std::fs::write(directory.join("ca.crt"), certificate.pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    for name in ["server", "healthcheck-client"] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.subject_alt_names = (1..=5).map(|last| SanType::IpAddress(address(last))).collect();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(directory.join(format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}
