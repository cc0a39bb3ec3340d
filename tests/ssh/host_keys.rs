//! Host keys: unknown, known, changed, revoked, pinned and certified.

use sealift::error::Class;
use sealift::remote::{HostKeys, SshOptions};

use crate::sshd::{Server, Setup, keygen, make_key};
use crate::{assert_says, by_password, refused, started};

fn strict(server: &Server) -> SshOptions {
    SshOptions { host_keys: Some(HostKeys::Strict), ..by_password(server, "root") }
}

fn fingerprint(server: &Server, kind: &str) -> String {
    let line = keygen(&["-l", "-f", server.file(&format!("host_{kind}.pub")).to_str().unwrap()]);
    line.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_key_is_refused_and_the_way_to_trust_it_works() {
    let server = Setup::new().start();
    let problem = refused(&server, strict(&server)).await;
    let fingerprint = fingerprint(&server, "ed25519");
    assert_eq!(problem.class, Class::Connection);
    assert_says(&problem, "is not known", &format!("offered: ssh-ed25519 {fingerprint}"));
    assert!(!server.file("known_hosts").exists());
    assert!(!server.logged("Failed") && !server.logged("Accepted"), "{}", server.log());
    let flag = problem.remedies.iter().find_map(|remedy| remedy.split_once("--host-key ")).unwrap().1;
    let pinned = SshOptions { pins: vec![flag.parse().unwrap()], ..strict(&server) };
    assert!(started(&server, pinned).await.contains("uid=0"));
    assert!(problem.remedies.iter().any(|remedy| remedy.contains("--host-keys accept-new")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_accepted_once_by_name_and_known_from_then_on() {
    let server = Setup::new().start();
    assert!(started(&server, by_password(&server, "root")).await.contains("uid=0"));
    let known = std::fs::read_to_string(server.file("known_hosts")).unwrap();
    assert_eq!(known, format!("[127.0.0.1]:{} {}\n", server.port, server.host_key("ed25519")));
    assert!(started(&server, strict(&server)).await.contains("uid=0"));
    assert_eq!(std::fs::read_to_string(server.file("known_hosts")).unwrap(), known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssh_itself_takes_what_we_remember() {
    for hashed in ["no", "yes"] {
        let server = Setup::new().start();
        let config = format!("HashKnownHosts {hashed}\nIdentityAgent none\nIdentityFile /nonexistent\n");
        let options =
            SshOptions { config: Some(server.write("config", &config)), ..by_password(&server, "root") };
        started(&server, options).await;
        let found = keygen(&[
            "-F",
            &format!("[127.0.0.1]:{}", server.port),
            "-f",
            server.file("known_hosts").to_str().unwrap(),
        ]);
        assert!(found.contains(&server.host_key("ed25519")), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_key_is_refused_whatever_the_policy() {
    let server = Setup::new().start();
    make_key(&server.file("former"), "ed25519", "");
    let former = std::fs::read_to_string(server.file("former.pub")).unwrap();
    let known = format!("# machines\n[127.0.0.1]:{} {former}", server.port);
    server.write("known_hosts", &known);
    for options in [strict(&server), by_password(&server, "root")] {
        let problem = refused(&server, options).await;
        assert_says(&problem, "has changed", &fingerprint(&server, "ed25519"));
        let file = server.file("known_hosts");
        assert_says(&problem, "", &format!("at {}:2", file.display()));
        let line = keygen(&["-l", "-f", server.file("former.pub").to_str().unwrap()]);
        assert_says(&problem, "", line.split(' ').nth(1).unwrap());
    }
    assert_eq!(std::fs::read_to_string(server.file("known_hosts")).unwrap(), known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_even_when_it_is_pinned() {
    let server = Setup::new().start();
    let key = server.host_key("ed25519");
    server.write("known_hosts", &format!("[127.0.0.1]:{} {key}\n@revoked * {key}\n", server.port));
    let pinned = SshOptions { pins: vec![key.parse().unwrap()], ..strict(&server) };
    for options in [strict(&server), by_password(&server, "root"), pinned] {
        let problem = refused(&server, options).await;
        assert_says(&problem, "is revoked", "known_hosts:2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_decides_alone() {
    let server = Setup::new().start();
    make_key(&server.file("other"), "ed25519", "");
    let other = std::fs::read_to_string(server.file("other.pub")).unwrap();
    server.write("known_hosts", &format!("[127.0.0.1]:{} {other}", server.port));
    let pinned =
        |text: &str| SshOptions { pins: vec![text.parse().unwrap()], ..by_password(&server, "root") };
    assert!(started(&server, pinned(&server.host_key("ed25519"))).await.contains("uid=0"));
    let problem = refused(&server, pinned(&other)).await;
    assert_says(&problem, "does not have the pinned host key", &fingerprint(&server, "ed25519"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_that_is_known_is_asked_for() {
    let server = Setup::new().host_keys(&["ed25519", "ecdsa", "rsa"]).start();
    for kind in ["rsa", "ecdsa", "ed25519"] {
        server.write("known_hosts", &format!("[127.0.0.1]:{} {}\n", server.port, server.host_key(kind)));
        assert!(started(&server, strict(&server)).await.contains("uid=0"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_certificate_of_a_known_authority_is_trusted() {
    for (principal, validity, wrong) in [
        ("127.0.0.1", "+1h", None),
        ("elsewhere", "+1h", Some("it is for elsewhere")),
        ("127.0.0.1", "20200101:20200102", Some("it has expired")),
    ] {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let authority = directory.path().join("authority");
        make_key(&authority, "ed25519", "");
        let setup = Setup::new().prepare(&format!(
            "ssh-keygen -q -s {} -I host -h -n {principal} -V {validity} /run/test/host_ed25519.pub",
            authority.display()
        ));
        let server = setup.sshd("HostCertificate /run/test/host_ed25519-cert.pub").start();
        let public = std::fs::read_to_string(directory.path().join("authority.pub")).unwrap();
        server.write("known_hosts", &format!("@cert-authority *,[127.0.0.1]:* {public}"));
        match wrong {
            None => assert!(started(&server, strict(&server)).await.contains("uid=0")),
            Some(why) => {
                let problem = refused(&server, strict(&server)).await;
                assert!(problem.message.contains(why), "{problem:#?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_line_is_shown_and_harms_nothing() {
    let server = Setup::new().start();
    server.write("known_hosts", "nonsense\n");
    let problem = refused(&server, strict(&server)).await;
    assert_says(&problem, "is not known", "known_hosts:1 is malformed");
    let key = server.host_key("ed25519");
    server.write("known_hosts", &format!("nonsense\n[127.0.0.1]:{} {key}\n", server.port));
    assert!(started(&server, strict(&server)).await.contains("uid=0"));
}
