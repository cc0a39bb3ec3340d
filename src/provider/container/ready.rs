//! Waits until a container has become a machine: systemd is up, and its SSH server answers.

use std::net::IpAddr;
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::engine::{Engine, refused, status, words};
use crate::error::{Class, Context as _, Problem, Result};

/// How long to look, and how often.
#[derive(Debug, Clone, Copy)]
struct Patience {
    in_all: Duration,
    between_looks: Duration,
}

/// A machine is up three seconds after its start on an idle host; on a busy one it may take much longer.
const PATIENCE: Patience =
    Patience { in_all: Duration::from_mins(2), between_looks: Duration::from_millis(200) };
/// What the engine does alone takes a second, or longer where its disk is busy.
const PATIENCE_WITH_THE_ENGINE: Patience = Patience { in_all: Duration::from_secs(30), ..PATIENCE };
/// How long one answer of the SSH server may take.
const ANSWER: Duration = Duration::from_secs(3);
/// So many starts by the restart policy show that the machine cannot come up.
const HOPELESS_RESTARTS: i64 = 3;

/// Where the machine's SSH server has its public key.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key.pub";

/// A look at something that is not ready.
enum NotReady {
    /// What was seen; worth another look.
    Yet(String),
    /// Another look will see the same.
    Ever(Problem),
}

/// Waits until systemd of the container says that it is up: `running`, or `degraded` when a unit failed that the
/// machine can do without.
pub(super) async fn systemd(engine: &Engine, container: &str) -> Result<()> {
    match until_ready(PATIENCE, || is_up(engine, container)).await {
        Ok(()) => Ok(()),
        Err(NotReady::Ever(problem)) => Err(problem),
        Err(NotReady::Yet(seen)) => {
            Err(Problem::new(Class::Machine, "systemd does not come up in the container")
                .saw(seen)
                .saw(engine.last_words(container).await)
                .remedy(format!("see what it waits for: docker exec {container} systemctl list-jobs")))
        }
    }
}

async fn is_up(engine: &Engine, container: &str) -> Result<(), NotReady> {
    // `--wait` comes back as soon as the boot is over, and at once while systemd cannot be asked.
    match engine.run_in(container, &["systemctl", "is-system-running", "--wait"]).await {
        Ok(state) => match state.trim() {
            "running" => Ok(()),
            "degraded" => {
                tracing::warn!(container, "a unit of the machine's systemd failed");
                Ok(())
            }
            state => Err(NotReady::Yet(state.to_owned())),
        },
        // It is between two starts, or has ended.
        Err(error) if status(&error) == Some(409) => Err(ended(engine, container, words(&error)).await),
        Err(error) => Err(NotReady::Yet(words(&error))),
    }
}

/// Tells whether a container that does not run may still come up.
async fn ended(engine: &Engine, container: &str, seen: String) -> NotReady {
    let inspected = match engine.docker.inspect_container(container, None).await {
        Ok(inspected) => inspected,
        Err(error) => return NotReady::Ever(refused("tell about the container")(error)),
    };
    let state = inspected.state.unwrap_or_default();
    let restarts = inspected.restart_count.unwrap_or_default();
    let stopped = state.running != Some(true) && state.restarting != Some(true);
    if !stopped && restarts < HOPELESS_RESTARTS {
        return NotReady::Yet(seen);
    }
    NotReady::Ever(
        Problem::new(Class::Machine, "the container ends as soon as it is started")
            .saw(format!("exit code {}, started {restarts} times again", state.exit_code.unwrap_or_default()))
            .saw(engine.last_words(container).await)
            .remedy("build the machine image again: images/machine/build.sh"),
    )
}

/// Waits until an SSH server greets at `address`, as seen from this machine.
pub(super) async fn ssh(address: IpAddr) -> Result<()> {
    match until_ready(PATIENCE, || greets(address)).await {
        Ok(()) => Ok(()),
        Err(NotReady::Ever(problem)) => Err(problem),
        Err(NotReady::Yet(seen)) => Err(Problem::new(
            Class::Connection,
            format!("the machine's SSH server does not answer at {address}"),
        )
        .saw(seen)
        .remedy(
            "run sealift on the machine whose Docker Engine it is: only that one has a route to containers",
        )
        .remedy("allow connections from this host to its Docker networks in its firewall")),
    }
}

async fn greets(address: IpAddr) -> Result<(), NotReady> {
    let greeting = async {
        let mut start = [0; 4];
        TcpStream::connect((address, 22)).await?.read_exact(&mut start).await?;
        std::io::Result::Ok(start)
    };
    match timeout(ANSWER, greeting).await {
        Ok(Ok(start)) if &start == b"SSH-" => Ok(()),
        Ok(Ok(start)) => Err(NotReady::Yet(format!("it begins with `{}`", start.escape_ascii()))),
        Ok(Err(error)) => Err(NotReady::Yet(error.to_string())),
        Err(_) => Err(NotReady::Yet("no answer".to_owned())),
    }
}

/// Reads the SSH server's public key out of the container: Docker vouches for it, so that nothing has to be trusted
/// on first use. Returns a line as in `known_hosts`, without the host.
pub(super) async fn host_key(engine: &Engine, container: &str) -> Result<String> {
    let line =
        engine.run_in(container, &["cat", HOST_KEY]).await.map_err(refused(format!("read {HOST_KEY}")))?;
    let mut key = PublicKey::from_openssh(line.trim())
        .problem(Class::Machine, "the machine has no ed25519 host key")
        .map_err(|problem| problem.remedy("build the machine image again: images/machine/build.sh"))?;
    key.set_comment("");
    key.to_openssh().problem(Class::Internal, "cannot write the machine's host key")
}

/// Waits until a container is whole whose name is taken: the engine goes on making one when its client is gone.
pub(super) async fn there(engine: &Engine, container: &str) -> Result<()> {
    match until_ready(PATIENCE_WITH_THE_ENGINE, || is_there(engine, container)).await {
        Ok(()) => Ok(()),
        Err(NotReady::Ever(problem)) => Err(problem),
        Err(NotReady::Yet(seen)) => {
            Err(Problem::new(Class::Machine, "the Docker Engine does not finish making the container")
                .saw(seen)
                .remedy("run the same command again; should it not help, restart the engine"))
        }
    }
}

async fn is_there(engine: &Engine, container: &str) -> Result<(), NotReady> {
    let inspected = engine.docker.inspect_container(container, None).await;
    inspected.map(|_| ()).map_err(|error| NotReady::Yet(words(&error)))
}

/// Waits until a container is gone that is being removed.
pub(super) async fn gone(engine: &Engine, container: &str) -> Result<()> {
    match until_ready(PATIENCE_WITH_THE_ENGINE, || is_gone(engine, container)).await {
        Ok(()) => Ok(()),
        Err(NotReady::Ever(problem)) => Err(problem),
        Err(NotReady::Yet(seen)) => {
            Err(Problem::new(Class::Machine, format!("the container {container} does not go away")).saw(seen))
        }
    }
}

async fn is_gone(engine: &Engine, container: &str) -> Result<(), NotReady> {
    match engine.docker.inspect_container(container, None).await {
        Err(error) if status(&error) == Some(404) => Ok(()),
        Err(error) => Err(NotReady::Yet(words(&error))),
        Ok(_) => Err(NotReady::Yet("it is still there".to_owned())),
    }
}

/// Looks until it is ready, or until patience is at its end: then what the last look saw is returned.
async fn until_ready<L>(patience: Patience, mut look: impl FnMut() -> L) -> Result<(), NotReady>
where
    L: Future<Output = Result<(), NotReady>>,
{
    let deadline = Instant::now() + patience.in_all;
    loop {
        match timeout_at(deadline, look()).await {
            Ok(Err(NotReady::Yet(_))) if Instant::now() + patience.between_looks < deadline => {
                sleep(patience.between_looks).await;
            }
            Ok(seen) => return seen,
            Err(_) => return Err(NotReady::Yet(format!("no answer within {} s", patience.in_all.as_secs()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    const SHORT: Patience =
        Patience { in_all: Duration::from_millis(60), between_looks: Duration::from_millis(1) };

    #[tokio::test]
    async fn looking_ends_with_what_was_seen_last() {
        let mut looks = 0;
        let seen = until_ready(SHORT, || {
            looks += 1;
            ready(Err(NotReady::Yet(format!("look {looks}"))))
        })
        .await;
        let Err(NotReady::Yet(seen)) = seen else { panic!("it never became ready") };
        assert_eq!(seen, format!("look {looks}"));
        assert!(looks > 1, "{looks} looks");
    }

    #[tokio::test]
    async fn looking_ends_at_once_when_it_is_ready_or_hopeless() {
        let mut looks = 0;
        let seen = until_ready(PATIENCE, || {
            looks += 1;
            ready(if looks < 2 { Err(NotReady::Yet(String::new())) } else { Ok(()) })
        })
        .await;
        assert!(seen.is_ok() && looks == 2);
        let hopeless =
            until_ready(PATIENCE, || ready(Err(NotReady::Ever(Problem::new(Class::Machine, "ended"))))).await;
        assert!(matches!(hopeless, Err(NotReady::Ever(_))));
    }

    #[tokio::test]
    async fn a_look_that_never_returns_does_not_hold_us() {
        let seen = until_ready(SHORT, std::future::pending).await;
        assert!(matches!(seen, Err(NotReady::Yet(seen)) if seen.contains("no answer")));
    }
}
