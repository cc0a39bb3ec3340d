//! Reaching machines that run a real OpenSSH server: every way to log in, to become root and to be refused.
//!
//! Needs root, openssh-server, sudo, tcsh and fish.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper is a failed test, and says so")]

mod cleanup;
mod host_keys;
mod login;
mod reach;
mod root;
mod sshd;
mod upload;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use sealift::error::{Problem, Result};
use sealift::model::{Arch, MachineName, SshAddress};
use sealift::remote::{AgentSource, AgentStreams, HostKeys, Machine, SshMachine, SshOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use sshd::{PASSWORD, Server, make_executable};

/// An agent that tells how it was started and then repeats what it hears.
const ECHO: &str = "#!/bin/sh
printf '\\0sealift-agent/1\\n'
echo \"uid=$(id -u) file=$0 arguments=$*\"
exec cat
";

/// One file as the agent of every architecture.
pub(crate) struct OneAgent(pub(crate) PathBuf);

impl AgentSource for OneAgent {
    fn binary(&self, _: Arch) -> Result<PathBuf> {
        Ok(self.0.clone())
    }
}

/// Puts the repeating agent beside the server's files.
pub(crate) fn echo(server: &Server) -> OneAgent {
    agent(server, ECHO.as_bytes())
}

pub(crate) fn agent(server: &Server, content: &[u8]) -> OneAgent {
    let path = server.file("agent");
    make_executable(&path, content);
    OneAgent(path)
}

/// Options that take nothing from whoever runs the tests, and trust the server's key.
pub(crate) fn options(server: &Server, user: &str) -> SshOptions {
    SshOptions {
        user: Some(user.into()),
        config: Some(server.write("empty_config", "IdentityAgent none\nIdentityFile /nonexistent/key\n")),
        known_hosts: Some(server.file("known_hosts")),
        host_keys: Some(HostKeys::AcceptNew),
        ..SshOptions::default()
    }
}

/// Options with which a user logs in by password, and sudo gets none unless it is set.
pub(crate) fn by_password(server: &Server, user: &str) -> SshOptions {
    SshOptions { password: Some(PASSWORD.into()), ..options(server, user) }
}

/// Options with which a user logs in by key, so that there is no password for sudo.
pub(crate) fn by_key(server: &Server, user: &str) -> SshOptions {
    server.authorize(&server.file("client.pub"));
    SshOptions { identities: vec![server.file("client")], ..options(server, user) }
}

pub(crate) fn machine(server: &Server, options: SshOptions) -> SshMachine {
    machine_at("127.0.0.1", server.port, options)
}

pub(crate) fn machine_at(host: &str, port: u16, options: SshOptions) -> SshMachine {
    let ssh = SshAddress { host: host.into(), port: Some(port) };
    SshMachine::new(MachineName("node-1".into()), ssh, IpAddr::V4(Ipv4Addr::LOCALHOST), options)
}

/// Starts the agent and returns how it was started; the streams are proven to carry bytes both ways.
pub(crate) async fn started(server: &Server, options: SshOptions) -> String {
    let agents = echo(server);
    match machine(server, options).start_agent(&agents).await {
        Ok(streams) => converse(streams).await,
        Err(problem) => panic!("{problem}\n{problem:#?}"),
    }
}

/// Speaks with the repeating agent and returns its first line.
pub(crate) async fn converse(streams: AgentStreams) -> String {
    let AgentStreams { from_agent, mut to_agent } = streams;
    let mut from_agent = BufReader::new(from_agent);
    let mut line = String::new();
    from_agent.read_line(&mut line).await.unwrap();
    to_agent.write_all(b"ping\n").await.unwrap();
    drop(to_agent);
    let mut rest = String::new();
    from_agent.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "ping\n");
    line
}

/// Fails to start the agent.
pub(crate) async fn refused(server: &Server, options: SshOptions) -> Problem {
    let agents = echo(server);
    let problem = machine(server, options).start_agent(&agents).await.unwrap_err();
    check(&problem);
    problem
}

/// What holds for every problem: it names machine and step, says what to do, and keeps secrets.
pub(crate) fn check(problem: &Problem) {
    assert_eq!(problem.machine.as_deref(), Some("node-1"), "{problem:?}");
    assert!(problem.step.is_some() && !problem.remedies.is_empty(), "{problem:?}");
    assert!(!format!("{problem:?}").contains(PASSWORD), "{problem:?}");
}

/// Asserts that a problem says `message` and shows `seen` somewhere.
pub(crate) fn assert_says(problem: &Problem, message: &str, seen: &str) {
    assert!(problem.message.contains(message), "{problem:#?}");
    assert!(problem.seen.iter().any(|line| line.contains(seen)), "no `{seen}` in {problem:#?}");
}
