//! This machine: the agent is started from where its binary lies, through sudo when we are not root.

use std::io;
use std::net::IpAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use bytes::BytesMut;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::bootstrap::{self, PathToRoot};
use super::process::{Ending, Output, PIECES, Process};
use super::sudo::{self, Prompt};
use super::{AgentSource, AgentStreams, BoxFuture, Machine};
use crate::error::{Class, Problem, Result};
use crate::model::{Arch, MachineName};

/// How much is read from a pipe at once, in bytes: what a pipe holds.
const PIPE: usize = 64 * 1024;

/// This machine.
#[derive(Debug)]
pub struct LocalMachine {
    name: MachineName,
    address: IpAddr,
    sudo_password: Option<SecretString>,
}

impl LocalMachine {
    /// Names this machine. `sudo_password` is used when we are not root and sudo asks.
    pub fn new(name: MachineName, address: IpAddr, sudo_password: Option<SecretString>) -> Self {
        Self { name, address, sudo_password }
    }

    async fn start(&self, agents: &dyn AgentSource) -> Result<AgentStreams> {
        let binary = agents.binary(Arch::THIS)?;
        let prompt = Prompt::new();
        let path = if rustix::process::geteuid().is_root() { PathToRoot::Direct } else { PathToRoot::Sudo };
        let process = spawn(command(&binary, path, &prompt))?;
        bootstrap::await_agent(process, path, &prompt, self.sudo_password.as_ref()).await
    }
}

impl Machine for LocalMachine {
    fn name(&self) -> &MachineName {
        &self.name
    }

    fn address(&self) -> IpAddr {
        self.address
    }

    fn start_agent<'a>(&'a self, agents: &'a dyn AgentSource) -> BoxFuture<'a, Result<AgentStreams>> {
        Box::pin(async move {
            self.start(agents).await.map_err(|problem| problem.on(&self.name).during("start the agent"))
        })
    }
}

/// Returns the command that starts the agent as root.
fn command(binary: &Path, path: PathToRoot, prompt: &Prompt) -> Command {
    let mut command = match path {
        PathToRoot::Direct => Command::new(binary),
        PathToRoot::Sudo => {
            let mut sudo = Command::new("sudo");
            sudo.args(["-S", "-p", prompt.text(), "--"]).arg(binary).env("LC_ALL", "C");
            sudo
        }
    };
    command.args(["agent", "--stdio"]);
    command
}

fn spawn(mut command: Command) -> Result<Process> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_spawned(&program, &error))?;
    let input =
        child.stdin.take().ok_or_else(|| Problem::new(Class::Internal, "the agent has no standard input"))?;
    let (sender, output) = mpsc::channel(PIECES);
    tokio::spawn(watch(child, sender));
    Ok(Process { output, input: Box::new(input) })
}

fn not_spawned(program: &str, error: &io::Error) -> Problem {
    if program == "sudo" && error.kind() == io::ErrorKind::NotFound {
        return sudo::missing("you");
    }
    Problem::new(Class::Machine, format!("{program} does not start")).saw(error)
}

/// Passes on what the child says, and at last how it ended.
async fn watch(mut child: Child, sender: mpsc::Sender<Output>) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    tokio::join!(
        pass_on(stdout, &sender, |piece| Output::Stdout(piece.freeze())),
        pass_on(stderr, &sender, |piece| Output::Stderr(piece.freeze())),
    );
    let ending = match child.wait().await {
        Ok(status) => ending(status),
        Err(error) => Ending::Lost(error.to_string()),
    };
    // Nobody may listen any more, and then nobody misses it.
    let _ = sender.send(Output::Ended(ending)).await;
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code.unsigned_abs()),
        (None, Some(signal)) => Ending::Killed(signal.to_string()),
        (None, None) => Ending::Lost(status.to_string()),
    }
}

async fn pass_on(
    stream: Option<impl AsyncRead + Unpin>,
    sender: &mpsc::Sender<Output>,
    wrap: impl Fn(BytesMut) -> Output,
) {
    let Some(mut stream) = stream else { return };
    loop {
        let mut piece = BytesMut::with_capacity(PIPE);
        match stream.read_buf(&mut piece).await {
            Ok(1..) if sender.send(wrap(piece)).await.is_ok() => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use tokio::io::AsyncWriteExt;

    use super::*;

    struct Script(tempfile::TempDir);

    impl Script {
        fn new(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("agent");
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            Self(directory)
        }
    }

    impl AgentSource for Script {
        fn binary(&self, _: Arch) -> Result<PathBuf> {
            Ok(self.0.path().join("agent"))
        }
    }

    fn here() -> LocalMachine {
        LocalMachine::new(MachineName("here".into()), IpAddr::from([127, 0, 0, 1]), None)
    }

    /// Runs a script without sudo, whoever runs the tests.
    async fn start(script: &Script) -> Result<AgentStreams> {
        let process = spawn(Command::new(script.binary(Arch::THIS)?))?;
        bootstrap::await_agent(process, PathToRoot::Direct, &Prompt::new(), None).await
    }

    #[tokio::test]
    async fn the_streams_begin_after_the_greeting() {
        let script = Script::new(r"echo noise; printf '\0sealift-agent/1\n'; exec cat");
        let mut streams = start(&script).await.unwrap();
        streams.to_agent.write_all(b"hello").await.unwrap();
        drop(streams.to_agent);
        let mut heard = String::new();
        streams.from_agent.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
    }

    #[tokio::test]
    async fn a_program_that_does_not_greet_is_quoted() {
        let script = Script::new("echo told on stdout; echo told on stderr >&2; exit 3");
        let problem = start(&script).await.unwrap_err();
        assert_eq!(problem.message, "the agent did not start: it exited with status 3");
        assert_eq!(problem.seen, ["told on stdout", "told on stderr"]);
    }

    #[tokio::test]
    async fn endless_noise_is_cut() {
        let problem = start(&Script::new("exec yes nonsense")).await.unwrap_err();
        assert!(problem.message.contains("on and on"), "{problem}");
        assert!(problem.seen.len() <= 12 && problem.seen.iter().any(|line| line == "nonsense"), "{problem}");
    }

    #[tokio::test]
    async fn a_missing_binary_names_machine_and_step() {
        struct Nowhere;
        impl AgentSource for Nowhere {
            fn binary(&self, _: Arch) -> Result<PathBuf> {
                Ok("/nonexistent/sealift".into())
            }
        }
        let problem = here().start_agent(&Nowhere).await.unwrap_err();
        assert_eq!(
            (problem.machine.as_deref(), problem.step.as_deref()),
            (Some("here"), Some("start the agent"))
        );
    }
}
