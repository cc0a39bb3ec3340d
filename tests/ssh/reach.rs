//! Machines that cannot be reached, and those that hang up.

use std::io::Write;
use std::net::TcpListener;

use sealift::error::{Class, Problem};
use sealift::remote::{Machine, SshOptions};

use crate::sshd::{Setup, free_port};
use crate::{OneAgent, assert_says, by_key, check, machine_at, started};

async fn unreachable(host: &str, port: u16) -> Problem {
    let config = tempfile::NamedTempFile::new().unwrap();
    let options = SshOptions { config: Some(config.path().into()), ..SshOptions::default() };
    let machine = machine_at(host, port, options);
    let problem = machine.start_agent(&OneAgent("/nonexistent".into())).await.unwrap_err();
    check(&problem);
    assert_eq!(problem.class, Class::Connection);
    problem
}

/// Answers every connection with `words` and hangs up.
fn listener(words: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(words.as_bytes());
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_listens() {
    let problem = unreachable("127.0.0.1", free_port()).await;
    assert!(problem.message.contains("refuses connections: nothing listens there"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_is_wrong() {
    let problem = unreachable("no-such-host.invalid", 22).await;
    assert!(problem.message.contains("the name no-such-host.invalid cannot be resolved"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_hangs_up_at_once() {
    let problem = unreachable("127.0.0.1", listener("")).await;
    assert!(problem.message.contains("hangs up before it says who it is"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_no_ssh_server() {
    let problem =
        unreachable("127.0.0.1", listener("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")).await;
    assert!(!problem.remedies.is_empty() && problem.message.contains("127.0.0.1 port"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_full_for_a_moment_is_dialled_again() {
    let server = Setup::new().sshd("MaxStartups 1").start();
    let holding = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    server.await_log("Connection from");
    let release = async {
        while !server.logged("past MaxStartups") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        drop(holding);
    };
    let (line, ()) = tokio::join!(started(&server, by_key(&server, "alice")), release);
    assert!(line.contains("uid=0"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarding_need_not_be_allowed() {
    let server = Setup::new().sshd("AllowTcpForwarding no").sshd("DisableForwarding yes").start();
    assert!(started(&server, by_key(&server, "alice")).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gives_no_session_is_told() {
    let server = Setup::new().sshd("MaxSessions 0").start();
    let problem = crate::refused(&server, by_key(&server, "alice")).await;
    assert_says(&problem, "gives no session", "");
}
