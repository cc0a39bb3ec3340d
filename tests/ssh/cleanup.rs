//! Looking leaves nothing behind, however the connection ends.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sealift::remote::{HostKeys, Machine, SshOptions};

use crate::sshd::{Server, Setup, await_true};
use crate::{ECHO, OneAgent, agent, by_key, echo, machine, machine_at};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_dropped() {
    for user in ["alice", "root"] {
        let server = Setup::new().start();
        let agents = echo(&server);
        let streams = machine(&server, by_key(&server, user)).start_agent(&agents).await.unwrap();
        assert_eq!(server.leftovers().len(), 1);
        drop(streams);
        server.await_tidy();
        server.await_log("Received disconnect");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_is_given_up() {
    let server = Setup::new().start();
    let agents = agent(&server, b"#!/bin/sh\nexec sleep 600\n");
    let machine = machine(&server, by_key(&server, "alice"));
    {
        let starting = machine.start_agent(&agents);
        tokio::pin!(starting);
        while server.leftovers().is_empty() {
            let tick = tokio::time::sleep(std::time::Duration::from_millis(5));
            tokio::select! {
                _ = &mut starting => panic!("this agent does not greet"),
                () = tick => {}
            }
        }
    }
    server.await_log("Received disconnect");
}

/// Runs [`client_to_kill`] in a process of its own.
fn client(server: &Server, agent: &OneAgent) -> Child {
    server.authorize(&server.file("client.pub"));
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cleanup::client_to_kill", "--ignored"])
        .env("SEALIFT_TEST_PORT", server.port.to_string())
        .env("SEALIFT_TEST_DIRECTORY", server.directory.path())
        .env("SEALIFT_TEST_AGENT", &agent.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is run by the tests below, to be killed"]
async fn client_to_kill() {
    let variable = |name| PathBuf::from(std::env::var_os(name).unwrap());
    let directory = variable("SEALIFT_TEST_DIRECTORY");
    let config = directory.join("killed_config");
    std::fs::write(&config, "IdentityAgent none\n").unwrap();
    let options = SshOptions {
        user: Some("alice".into()),
        identities: vec![directory.join("client")],
        config: Some(config),
        known_hosts: Some(directory.join("known_hosts")),
        host_keys: Some(HostKeys::AcceptNew),
        ..SshOptions::default()
    };
    let port = variable("SEALIFT_TEST_PORT").to_str().unwrap().parse().unwrap();
    let _streams = machine_at("127.0.0.1", port, options)
        .start_agent(&OneAgent(variable("SEALIFT_TEST_AGENT")))
        .await
        .unwrap();
    std::future::pending::<()>().await;
}

fn kill(mut client: Child) {
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn a_client_that_is_killed_while_the_agent_runs() {
    let server = Setup::new().start();
    let agents =
        agent(&server, ECHO.replace("exec cat", "echo running > /run/test/agent_runs; exec cat").as_bytes());
    let client = client(&server, &agents);
    await_true(|| server.inside("/run/test/agent_runs").exists(), || server.log());
    assert_eq!(server.leftovers().len(), 1);
    kill(client);
    server.await_tidy();
}

#[test]
fn a_client_that_is_killed_while_it_uploads() {
    let server = Setup::new().start();
    // So large that it is surely on its way for a while, and of a kind that gzip cannot shorten.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    });
    let content: Vec<u8> = noise.take(32 << 20).collect();
    let agents = agent(&server, &content);
    let client = client(&server, &agents);
    let uploading = || {
        server.leftovers().first().is_some_and(|directory| {
            std::fs::metadata(directory.join("sealift")).is_ok_and(|file| file.len() > 1 << 20)
        })
    };
    await_true(uploading, || server.log());
    kill(client);
    server.await_tidy();
}
