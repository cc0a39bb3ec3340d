//! Every way to log in, and to be refused.

use std::process::{Child, Command, Stdio};

use sealift::error::Class;
use sealift::remote::{Machine, SshOptions};

use crate::sshd::{PASSWORD, Server, Setup, await_true, keygen, make_key};
use crate::{assert_says, by_key, by_password, check, converse, echo, machine_at, options, refused, started};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_lets_in() {
    let server = Setup::new().start();
    assert!(started(&server, by_password(&server, "root")).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_and_tried_once() {
    let server = Setup::new().sshd("KbdInteractiveAuthentication yes").start();
    let wrong = SshOptions { password: Some("battery staple".into()), ..options(&server, "root") };
    let problem = refused(&server, wrong).await;
    assert_eq!(problem.class, Class::Connection);
    assert_says(&problem, "the password of root is refused", "password (keyboard-interactive): refused");
    assert!(!format!("{problem:?}").contains("battery staple"));
    server.await_log("Connection closed");
    let log = server.log();
    assert_eq!(log.matches("PAM: Authentication failure").count(), 1, "{log}");
    assert!(!log.contains("Failed password"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyboard_interactive_lets_in() {
    let server =
        Setup::new().sshd("PasswordAuthentication no").sshd("KbdInteractiveAuthentication yes").start();
    assert!(started(&server, by_password(&server, "root")).await.contains("uid=0"));
    assert!(server.logged("Accepted keyboard-interactive"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_every_type_let_in() {
    let server = Setup::new().sshd("PasswordAuthentication no").start();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = server.file(&format!("id_{kind}"));
        make_key(&key, kind, "");
        server.authorize(&server.file(&format!("id_{kind}.pub")));
        let options = SshOptions { identities: vec![key], ..options(&server, "root") };
        assert!(started(&server, options).await.contains("uid=0"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_known_there_is_told() {
    let server = Setup::new().start();
    let options = SshOptions { identities: vec![server.file("client")], ..options(&server, "root") };
    let problem = refused(&server, options).await;
    assert_says(&problem, "no key lets root in", "client (ssh-ed25519 SHA256:");
    assert_says(&problem, "", "the machine lets in by: publickey, password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_to_log_in_with_is_told() {
    let server = Setup::new().start();
    let problem = refused(&server, options(&server, "root")).await;
    assert!(problem.message.contains("nothing to log root in with"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_key_that_does_not_exist_is_told() {
    let server = Setup::new().start();
    let options = SshOptions { identities: vec![server.file("missing")], ..options(&server, "root") };
    let agents = echo(&server);
    let problem = crate::machine(&server, options).start_agent(&agents).await.unwrap_err();
    assert_eq!(problem.class, Class::Config);
    assert_says(&problem, "missing cannot be read", "No such file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_key_wants_its_passphrase() {
    let server = Setup::new().start();
    let key = server.file("locked");
    make_key(&key, "ed25519", "open sesame");
    server.authorize(&server.file("locked.pub"));
    let with = |passphrase: Option<&str>| SshOptions {
        identities: vec![key.clone()],
        passphrase: passphrase.map(Into::into),
        ..options(&server, "root")
    };
    assert!(started(&server, with(Some("open sesame"))).await.contains("uid=0"));
    let problem = refused(&server, with(Some("open barley"))).await;
    assert!(problem.message.contains("the passphrase does not open"), "{problem:#?}");
    assert!(!format!("{problem:?}").contains("open barley"));
    let problem = refused(&server, with(None)).await;
    assert!(problem.message.contains("is encrypted and no passphrase was given"), "{problem:#?}");
}

/// A real ssh-agent.
struct SshAgent {
    child: Child,
    socket: std::path::PathBuf,
}

impl SshAgent {
    fn start(server: &Server) -> Self {
        let socket = server.file("agent.socket");
        let child =
            Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        await_true(|| socket.exists(), || "ssh-agent does not start".into());
        Self { child, socket }
    }

    fn add(&self, key: &std::path::Path) {
        let added =
            Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).status().unwrap();
        assert!(added.success());
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_the_agent_let_in() {
    for kind in ["ed25519", "rsa"] {
        let server = Setup::new().start();
        let agent = SshAgent::start(&server);
        let key = server.file("in_agent");
        make_key(&key, kind, "");
        server.authorize(&server.file("in_agent.pub"));
        agent.add(&key);
        std::fs::remove_file(&key).unwrap();
        let options = SshOptions { agent_socket: Some(agent.socket.clone()), ..options(&server, "root") };
        assert!(started(&server, options).await.contains("uid=0"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_key_keeps_the_other_keys_of_the_agent_out() {
    let server = Setup::new().sshd("MaxAuthTries 2").start();
    let agent = SshAgent::start(&server);
    for index in 0..6 {
        let key = server.file(&format!("other_{index}"));
        make_key(&key, "ed25519", "");
        agent.add(&key);
    }
    agent.add(&server.file("client"));
    let with_agent = |options| SshOptions { agent_socket: Some(agent.socket.clone()), ..options };
    assert!(started(&server, with_agent(by_key(&server, "root"))).await.contains("uid=0"));
    // Without a name, all keys are tried, and the server hangs up on the way.
    let problem = refused(&server, with_agent(options(&server, "root"))).await;
    assert_says(&problem, "no key lets root in", "hung up after too many attempts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_heard_though_the_agent_is_full_of_keys() {
    let server = Setup::new().start();
    let agent = SshAgent::start(&server);
    for index in 0..8 {
        let key = server.file(&format!("other_{index}"));
        make_key(&key, "ed25519", "");
        agent.add(&key);
    }
    let options = SshOptions { agent_socket: Some(agent.socket.clone()), ..by_password(&server, "root") };
    assert!(started(&server, options).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_lets_in() {
    for kind in ["ed25519", "rsa"] {
        let server = Setup::new().sshd("TrustedUserCAKeys /run/test/host_ed25519.pub").start();
        make_key(&server.file("certified"), kind, "");
        let (authority, public) = (server.file("host_ed25519"), server.file("certified.pub"));
        keygen(&["-s", authority.to_str().unwrap(), "-I", "me", "-n", "root", public.to_str().unwrap()]);
        let options = SshOptions { identities: vec![server.file("certified")], ..options(&server, "root") };
        assert!(started(&server, options).await.contains("uid=0"));
        assert!(server.logged("Accepted publickey for root") && server.logged("-CERT"), "{}", server.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_and_a_password_together_let_in() {
    let server = Setup::new().sshd("AuthenticationMethods publickey,password").start();
    let both = SshOptions { password: Some(PASSWORD.into()), ..by_key(&server, "root") };
    assert!(started(&server, both).await.contains("uid=0"));
    let problem = refused(&server, by_key(&server, "root")).await;
    assert_says(&problem, "", "accepted, but the machine wants more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_names_host_user_port_key_and_jump() {
    let jump = Setup::new().start();
    let server = Setup::new().start();
    jump.authorize(&server.file("client.pub"));
    server.authorize(&server.file("client.pub"));
    let config = format!(
        "Host gate\n  HostName 127.0.0.1\n  Port {}\n  User alice\nHost node\n  HostName localhost\n  Port {}\n  \
         User root\n  ProxyJump gate\nHost *\n  IdentityAgent none\n  IdentityFile {}\n  UserKnownHostsFile {}\n  \
         StrictHostKeyChecking accept-new\n",
        jump.port,
        server.port,
        server.file("client").display(),
        server.file("kh").display()
    );
    let options = SshOptions { config: Some(server.write("config", &config)), ..SshOptions::default() };
    let agents = echo(&server);
    let mut machine = machine_at("node", 1, options.clone());
    assert!(machine.start_agent(&agents).await.is_err(), "the written port wins over the configuration");
    machine = sealift::remote::SshMachine::new(
        sealift::model::MachineName("node-1".into()),
        "node".parse().unwrap(),
        [127, 0, 0, 1].into(),
        options,
    );
    let line = converse(machine.start_agent(&agents).await.unwrap()).await;
    assert!(line.contains("uid=0"), "{line}");
    assert!(jump.logged("Accepted publickey for alice") && server.logged("Accepted publickey for root"));
    let known = std::fs::read_to_string(server.file("kh")).unwrap();
    assert_eq!(known.lines().count(), 2, "{known}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_host_that_does_not_forward_is_told() {
    let jump = Setup::new().sshd("AllowTcpForwarding no").start();
    let server = Setup::new().start();
    jump.authorize(&server.file("client.pub"));
    let jumping =
        SshOptions { jump: Some(format!("root@127.0.0.1:{}", jump.port)), ..by_key(&server, "root") };
    let problem = refused(&server, jumping).await;
    assert_says(&problem, "the jump host does not forward connections", "AdministrativelyProhibited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_host_that_does_not_reach_the_machine_is_told() {
    let jump = Setup::new().start();
    jump.authorize(&jump.file("client.pub"));
    let jumping = SshOptions { jump: Some(format!("root@127.0.0.1:{}", jump.port)), ..by_key(&jump, "root") };
    let agents = echo(&jump);
    let problem =
        machine_at("127.0.0.1", crate::sshd::free_port(), jumping).start_agent(&agents).await.unwrap_err();
    check(&problem);
    assert!(problem.message.contains("the jump host does not reach"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_host_never_gets_the_password_of_the_machine() {
    let jump = Setup::new().start();
    let server = Setup::new().start();
    let jumping = |options| SshOptions { jump: Some(format!("root@127.0.0.1:{}", jump.port)), ..options };
    let problem = refused(&server, jumping(by_password(&server, "root"))).await;
    assert!(
        problem.message.starts_with("jump host 127.0.0.1: there is nothing to log root in with"),
        "{problem:#?}"
    );
    assert!(!jump.logged("Failed password"), "{}", jump.log());
    let with_its_own = SshOptions { jump_password: Some(PASSWORD.into()), ..by_password(&server, "root") };
    assert!(started(&server, jumping(with_its_own)).await.contains("uid=0"));
}
