//! What is refused before it begins: each with its class, its evidence and a remedy, and no machine is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use libtest_mimic::Trial;
use sealift::error::{Class, Problem};

use crate::machines::{FLANNEL, KUBERNETES, Machine, Machines, list, until};
use crate::operator::{Ended, Operator};
use crate::snapshot::Snapshot;

/// Where somebody who touches a machine leaves a trace.
const TOUCHED: [&str; 7] =
    ["/var/lib/sealift", "/usr/local", "/etc", "/tmp", "/var/tmp", "/dev/shm", "/home"];

/// A user who is not root, and their password.
const USER: &str = "tester";
const PASSWORD: &str = "correct-horse";

type Case = (&'static str, fn(&Ground));

const CASES: [Case; 20] = [
    ("an_unknown_image", unknown_image),
    ("a_wrong_password", wrong_password),
    ("a_refused_key", refused_key),
    ("an_unknown_host_key", unknown_host_key),
    ("a_changed_host_key", changed_host_key),
    ("a_host_key_that_is_not_the_pinned_one", other_host_key),
    ("an_unreachable_host", unreachable_host),
    ("a_host_in_both_lists", host_in_both_lists),
    ("one_machine_under_two_addresses", two_addresses),
    ("no_sudo", no_sudo),
    ("a_user_who_may_not_use_sudo", not_a_sudoer),
    ("sudo_wants_a_password", sudo_wants_password),
    ("an_unsupported_architecture", unsupported_architecture),
    ("a_disk_too_small_for_the_layers", small_disk),
    ("a_port_that_is_taken", taken_port),
    ("a_machine_of_another_cluster", machine_of_another_cluster),
    ("two_control_planes_with_one_host_name", one_host_name),
    ("a_corrupt_layer", corrupt_layer),
    ("an_unknown_instruction_in_a_kubefile", unknown_instruction),
    ("everything_that_is_wrong_at_once", all_at_once),
];

pub(crate) fn trials() -> Vec<Trial> {
    let ground = Arc::new(LazyLock::new(Ground::begin as fn() -> Ground));
    let trial = |(name, case): Case| {
        let ground = ground.clone();
        Trial::test(format!("bad_input::{name}"), move || {
            case(&ground);
            Ok(())
        })
    };
    CASES.into_iter().map(trial).collect()
}

/// Machines that nothing ever happens to.
struct Ground {
    machines: Machines,
}

/// What a refusal has to look like.
struct Refusal<'a> {
    class: Class,
    /// The machine that it is told of.
    machine: Option<String>,
    /// A part of what is told: message and evidence.
    says: &'a str,
    /// A part of what can be done about it.
    remedy: &'a str,
}

/// Takes something back at its end, also when the test fails.
struct Undo<'a>(Machine<'a>, &'static str);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.0.try_sh(self.1);
    }
}

impl Ground {
    fn begin() -> Self {
        let ground = Self { machines: Machines::make("bad", 2, 1) };
        let public = fs::read_to_string(ground.machines.key())
            .map(|_| ground.first().sh("cat /root/.ssh/authorized_keys"));
        for machine in ground.machines.all() {
            machine.sh(&format!(
                "useradd --create-home --shell /bin/bash {USER} && echo {USER}:{PASSWORD} | chpasswd
                 install -d -m 700 -o {USER} /home/{USER}/.ssh && echo '{}' >/home/{USER}/.ssh/authorized_keys
                 chown {USER} /home/{USER}/.ssh/authorized_keys
                 echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/00-test.conf && systemctl reload ssh",
                public.as_ref().unwrap()
            ));
        }
        ground
    }

    fn first(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    fn worker(&self) -> Machine<'_> {
        self.machines.worker(0)
    }

    fn pins(&self) -> Vec<String> {
        self.machines
            .all()
            .flat_map(|machine| ["--host-key".to_owned(), machine.host_key().to_owned()])
            .collect()
    }

    fn key(&self) -> String {
        self.machines.key().display().to_string()
    }

    /// `run` on two machines, as whoever these words let in.
    fn run(&self, login: &[&str]) -> Vec<String> {
        self.run_on(&self.first().address(), &self.worker().address(), login)
    }

    fn run_on(&self, masters: &str, nodes: &str, login: &[&str]) -> Vec<String> {
        let mut words = vec![
            "run",
            KUBERNETES,
            FLANNEL,
            "--name",
            "bad",
            "--yes",
            "--masters",
            masters,
            "--nodes",
            nodes,
        ];
        words.extend(login);
        words.into_iter().map(str::to_owned).collect()
    }

    /// The same as root with the right key and pins.
    fn run_as_root(&self, masters: &str, nodes: &str) -> Vec<String> {
        let login = self.machines.login();
        self.run_on(masters, nodes, &login.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn run_as_user(&self) -> Vec<String> {
        let mut words = self.run(&["--user", USER, "--identity", &self.key()]);
        words.extend(self.pins());
        words
    }

    /// Fails unless the command is refused for this reason alone and leaves no trace, here and on the machines.
    #[track_caller]
    fn refuses(&self, operator: &Operator, words: Vec<String>, refusal: &Refusal<'_>) -> Ended {
        let ended = self.leaves_no_trace(operator, words);
        assert_eq!(ended.code(), Some(refusal.class.exit_code().into()), "{}", ended.told());
        let problems = ended.problems();
        assert!(problems.iter().any(|problem| refusal.is(problem)), "{:?}: {problems:#?}", refusal.says);
        ended
    }

    #[track_caller]
    fn leaves_no_trace(&self, operator: &Operator, words: Vec<String>) -> Ended {
        let look =
            || self.machines.all().map(|machine| Snapshot::of_files(machine, &TOUCHED)).collect::<Vec<_>>();
        let before = look();
        let ended = operator.types(words);
        // What the agent was started from goes when its connection does, a moment after the command.
        let mut differences = Vec::new();
        let same = until_same(|| {
            differences =
                look().iter().zip(&before).flat_map(|(after, before)| after.differences(before)).collect();
            differences.is_empty()
        });
        assert!(same, "the machines were touched: {differences:#?}");
        assert_eq!(operator.clusters(), [""; 0], "a cluster is kept that never began");
        ended
    }
}

/// Looks a few times whether things are as they were.
fn until_same(mut look: impl FnMut() -> bool) -> bool {
    (0..20).any(|_| {
        let same = look();
        if !same {
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
        same
    })
}

impl Refusal<'_> {
    fn is(&self, problem: &Problem) -> bool {
        problem.class == self.class
            && (self.machine.is_none() || problem.machine == self.machine)
            && problem.to_string().contains(self.says)
            && problem.remedies.iter().any(|remedy| remedy.contains(self.remedy))
    }
}

fn unknown_image(ground: &Ground) {
    let mut words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    words[1] = "kubernetes:v0.0.0".to_owned();
    let refusal = Refusal {
        class: Class::Config,
        machine: None,
        says: "`kubernetes:v0.0.0`",
        remedy: "sealift images",
    };
    ground.refuses(&Operator::new(), words, &refusal);
}

fn wrong_password(ground: &Ground) {
    let operator = Operator::new();
    let file = operator.file("password", "battery-staple\n");
    let mut words = ground.run(&["--user", USER, "--password-file", &file]);
    words.extend(ground.pins());
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.worker().address()),
        says: "password of tester is refused",
        remedy: "check the user and the password",
    };
    let ended = ground.refuses(&operator, words, &refusal);
    assert!(!ended.printed().contains("battery-staple"), "the password is told");
}

fn refused_key(ground: &Ground) {
    let operator = Operator::new();
    let key = operator.file("key", &strange_key(&operator));
    let mut words = ground.run(&["--identity", &key]);
    words.extend(ground.pins());
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.first().address()),
        says: "no key lets root in",
        remedy: "authorized_keys",
    };
    ground.refuses(&operator, words, &refusal);
}

/// Returns a private key that nobody knows.
fn strange_key(operator: &Operator) -> String {
    let path = operator.person().join("strange");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    fs::read_to_string(path).unwrap()
}

fn unknown_host_key(ground: &Ground) {
    let words = ground.run(&["--identity", &ground.key()]);
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.first().address()),
        says: "is not known",
        remedy: "--host-keys accept-new",
    };
    ground.refuses(&Operator::new(), words, &refusal);
}

fn changed_host_key(ground: &Ground) {
    let operator = Operator::new();
    strange_key(&operator);
    let public = fs::read_to_string(operator.person().join("strange.pub")).unwrap();
    let known = [ground.first(), ground.worker()].map(|machine| format!("{} {public}", machine.address()));
    operator.file(".ssh/known_hosts", &known.concat());
    let words = ground.run(&["--identity", &ground.key(), "--host-keys", "accept-new"]);
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.worker().address()),
        says: "has changed",
        remedy: "if the machine was reinstalled",
    };
    ground.refuses(&operator, words, &refusal);
}

fn other_host_key(ground: &Ground) {
    let operator = Operator::new();
    strange_key(&operator);
    let public = fs::read_to_string(operator.person().join("strange.pub")).unwrap();
    let words = ground.run(&["--identity", &ground.key(), "--host-key", public.trim()]);
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.first().address()),
        says: "does not have the pinned host key",
        remedy: "pin its new key",
    };
    ground.refuses(&operator, words, &refusal);
}

fn unreachable_host(ground: &Ground) {
    let nobody = in_the_same_network(ground.first(), 250);
    let words = ground.run_as_root(&ground.first().address(), &nobody);
    let refusal =
        Refusal { class: Class::Connection, machine: Some(nobody.clone()), says: &nobody, remedy: "check" };
    ground.refuses(&Operator::new(), words, &refusal);
}

/// Returns an address in a machine's network that no machine is given.
fn in_the_same_network(machine: Machine<'_>, last: u8) -> String {
    let address = machine.address();
    let (network, _) = address.rsplit_once('.').unwrap();
    format!("{network}.{last}")
}

fn host_in_both_lists(ground: &Ground) {
    let address = ground.first().address();
    let refusal = Refusal {
        class: Class::Usage,
        machine: Some(address.clone()),
        says: "in both lists",
        remedy: "name every machine once",
    };
    ground.refuses(&Operator::new(), ground.run_as_root(&address, &address), &refusal);
}

fn two_addresses(ground: &Ground) {
    let second = in_the_same_network(ground.first(), 249);
    ground.first().sh(&format!("ip addr add {second}/24 dev eth0 label eth0:test"));
    let _undo = Undo(
        ground.first(),
        "ip addr del $(ip -o -4 addr show label eth0:test | awk '{ print $4 }') dev eth0",
    );
    let refusal = Refusal {
        class: Class::Config,
        machine: None,
        says: "are the same machine",
        remedy: "name each machine once",
    };
    ground.refuses(&Operator::new(), ground.run_as_root(&ground.first().address(), &second), &refusal);
}

fn no_sudo(ground: &Ground) {
    let _undo = Undo(ground.worker(), "mv /usr/bin/sudo.away /usr/bin/sudo");
    ground.worker().sh("mv /usr/bin/sudo /usr/bin/sudo.away");
    let words = ground.run_as_user();
    let ended = ground.leaves_no_trace(&Operator::new(), words);
    let refusal = Refusal {
        class: Class::Machine,
        machine: Some(ground.worker().address()),
        says: "is not root and sudo is not installed",
        remedy: "install sudo",
    };
    assert_eq!(ended.code(), Some(5), "{}", ended.told());
    assert!(ended.problems().iter().any(|problem| refusal.is(problem)), "{}", ended.told());
}

fn not_a_sudoer(ground: &Ground) {
    let operator = Operator::new();
    let file = operator.file("password", &format!("{PASSWORD}\n"));
    let mut words = ground.run_as_user();
    words.extend(["--password-file".to_owned(), file]);
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.worker().address()),
        says: "may not use sudo",
        remedy: "add the user to the group sudo",
    };
    let ended = ground.refuses(&operator, words, &refusal);
    assert!(!ended.printed().contains(PASSWORD), "the password is told");
}

fn sudo_wants_password(ground: &Ground) {
    let _undo = Undo(ground.worker(), "gpasswd --delete tester sudo");
    let _undo_other = Undo(ground.first(), "gpasswd --delete tester sudo");
    for machine in [ground.worker(), ground.first()] {
        machine.sh("gpasswd --add tester sudo");
    }
    let refusal = Refusal {
        class: Class::Connection,
        machine: Some(ground.worker().address()),
        says: "sudo asks for a password and none was given",
        remedy: "--password-file",
    };
    ground.refuses(&Operator::new(), ground.run_as_user(), &refusal);
}

fn unsupported_architecture(ground: &Ground) {
    let _undo = Undo(ground.worker(), "rm /usr/local/bin/uname");
    ground.worker().sh(
        r#"printf '#!/bin/sh\n[ "$1" != -m ] || { echo riscv64; exit; }\nexec /bin/uname "$@"\n' >/usr/local/bin/uname && chmod 755 /usr/local/bin/uname"#,
    );
    let words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    let refusal = Refusal {
        class: Class::Machine,
        machine: Some(ground.worker().address()),
        says: "riscv64",
        remedy: "amd64 (x86_64) and arm64 (aarch64)",
    };
    ground.refuses(&Operator::new(), words, &refusal);
}

fn small_disk(ground: &Ground) {
    let _undo = Undo(ground.worker(), "umount /var/lib");
    ground.worker().sh("mount -t tmpfs -o size=64m none /var/lib");
    let words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    let refusal = Refusal {
        class: Class::Machine,
        machine: Some(ground.worker().address()),
        says: "/var/lib has",
        remedy: "make room",
    };
    ground.refuses(&Operator::new(), words, &refusal);
}

fn taken_port(ground: &Ground) {
    let _undo = Undo(ground.first(), "pkill socat");
    ground.first().start_program("exec socat TCP-LISTEN:6443,fork,reuseaddr -");
    until("the port is taken", || {
        ground.first().try_sh("ss -Hlt sport = 6443 | grep -q 6443").status.success().then_some(())
    });
    let words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    let refusal = Refusal {
        class: Class::Machine,
        machine: Some(ground.first().address()),
        says: "port 6443 is taken: socat",
        remedy: "stop what listens there",
    };
    ground.refuses(&Operator::new(), words, &refusal);
}

fn machine_of_another_cluster(ground: &Ground) {
    let _undo = Undo(ground.worker(), "rm -r /var/lib/sealift");
    ground.worker().belongs_to("theirs");
    let words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    let refusal = Refusal {
        class: Class::Refused,
        machine: Some(ground.worker().address()),
        says: "it belongs to the cluster `theirs`",
        remedy: "sealift delete --name theirs",
    };
    ground.refuses(&Operator::new(), words, &refusal);
}

fn one_host_name(ground: &Ground) {
    let _undo = Undo(ground.machines.control_plane(1), "hostname $(cat /etc/hostname)");
    ground.machines.control_plane(1).sh(&format!("hostname {}", ground.first().hostname()));
    let masters = list([ground.first(), ground.machines.control_plane(1)]);
    let refusal = Refusal {
        class: Class::Config,
        machine: None,
        says: "have the same host name",
        remedy: "hostnamectl set-hostname",
    };
    ground.refuses(&Operator::new(), ground.run_as_root(&masters, &ground.worker().address()), &refusal);
}

fn corrupt_layer(ground: &Ground) {
    let operator = Operator::new();
    let images = own_images(&operator);
    let blob = largest_layer(&operator, &images);
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // The name is another's as well, so what it stands for is replaced and not changed.
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, bytes).unwrap();
    let words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    let digest = blob.file_name().unwrap().to_str().unwrap();
    let refusal = Refusal { class: Class::Config, machine: None, says: digest, remedy: "again" };
    ground.refuses(&operator, words, &refusal);
}

/// Gives the operator a store of their own, of the same files.
fn own_images(operator: &Operator) -> PathBuf {
    let images = operator.home().join("images");
    let shared = fs::canonicalize(&images).unwrap();
    fs::remove_file(&images).unwrap();
    // Hard links only if it can: the operator's directory may be on another file system.
    let linked =
        |how: &str| std::process::Command::new("cp").arg(how).args([&shared, &images]).output().unwrap();
    if !linked("-al").status.success() {
        fs::remove_dir_all(&images).unwrap();
        assert!(linked("-a").status.success());
    }
    images
}

fn largest_layer(operator: &Operator, images: &Path) -> PathBuf {
    let image = operator.asks(["inspect", KUBERNETES]);
    let layers = image["layers"].as_array().unwrap().iter();
    let largest = layers.max_by_key(|layer| layer["size"].as_u64()).unwrap()["digest"].as_str().unwrap();
    images.join("blobs/sha256").join(largest.trim_start_matches("sha256:"))
}

fn unknown_instruction(ground: &Ground) {
    let operator = Operator::new();
    let kubefile = operator.file("Kubefile", "FROM scratch\n  FETCH there here\n");
    let directory = operator.person().display().to_string();
    let ended =
        ground.leaves_no_trace(&operator, ["build", "-t", "bad:v1", &directory].map(str::to_owned).to_vec());
    assert_eq!(ended.code(), Some(Class::Config.exit_code().into()), "{}", ended.told());
    for part in [&format!("{kubefile}:2:3: "), "`FETCH`", "instructions are FROM"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

fn all_at_once(ground: &Ground) {
    let _undo = Undo(ground.first(), "pkill socat");
    let _undo_other = Undo(ground.worker(), "umount /var/lib");
    ground.first().start_program("exec socat TCP-LISTEN:6443,fork,reuseaddr -");
    ground.worker().sh("mount -t tmpfs -o size=64m none /var/lib");
    until("the port is taken", || {
        ground.first().try_sh("ss -Hlt sport = 6443 | grep -q 6443").status.success().then_some(())
    });
    let words = ground.run_as_root(&ground.first().address(), &ground.worker().address());
    let refusal = Refusal {
        class: Class::Machine,
        machine: Some(ground.first().address()),
        says: "port 6443 is taken",
        remedy: "stop",
    };
    let ended = ground.refuses(&Operator::new(), words, &refusal);
    let disk = Refusal {
        machine: Some(ground.worker().address()),
        says: "/var/lib has",
        remedy: "make room",
        ..refusal
    };
    assert!(ended.problems().iter().any(|problem| disk.is(problem)), "{}", ended.told());
}
