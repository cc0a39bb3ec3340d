//! The Docker Engine: finding it, asking it, and what its refusals mean.

use bollard::Docker;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt as _;

use crate::error::{Class, Problem, Result};

/// Where an engine listens when `DOCKER_HOST` says nothing.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// The minor number of the API version 1.x that came with Docker 20.10.
const OLDEST_API: usize = 41;

/// How many lines of a container's output are evidence.
const LINES_OF_EVIDENCE: &str = "15";

/// An engine that answers and that can hold machines.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    /// The minor number of the API version 1.x it speaks.
    pub(super) api_minor: usize,
    /// Whether it maps containers' users to others of its host.
    remaps_users: bool,
}

impl Engine {
    /// Connects to the engine of `DOCKER_HOST` (`unix://` or `tcp://`), else to the socket of this machine.
    pub(super) async fn connect() -> Result<Self> {
        let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        Self::connect_to(host.as_deref().unwrap_or(DEFAULT_HOST)).await
    }

    async fn connect_to(host: &str) -> Result<Self> {
        let docker = Docker::connect_with_host(host).map_err(|error| unreachable(host, &error))?;
        let docker = docker.negotiate_version().await.map_err(|error| unreachable(host, &error))?;
        let api_minor = api_minor(&docker).await?;
        let info = docker.info().await.map_err(refused("tell about itself"))?;
        let options = info.security_options.unwrap_or_default();
        if options.iter().any(|option| option.starts_with("name=rootless")) {
            return Err(rootless(host));
        }
        if info.os_type.as_deref() != Some("linux") {
            return Err(Problem::new(Class::Config, "the Docker Engine does not run Linux containers")
                .saw(format!("{host} runs {}", info.os_type.unwrap_or_default()))
                .remedy("switch it to Linux containers, or set DOCKER_HOST to an engine on Linux"));
        }
        let remaps_users = options.iter().any(|option| option.starts_with("name=userns"));
        Ok(Self { docker, api_minor, remaps_users })
    }

    /// The user namespace for containers that are more than an application: the host's, where others are remapped.
    pub(super) fn user_namespace(&self) -> Option<String> {
        self.remaps_users.then(|| "host".to_owned())
    }

    /// Runs a command in a container as root and returns what it wrote to its standard output and error together,
    /// whatever its exit code.
    pub(super) async fn run_in(&self, container: &str, command: &[&str]) -> Result<String, Error> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let exec = self.docker.create_exec(container, options).await?;
        match self.docker.start_exec(&exec.id, None).await? {
            StartExecResults::Attached { output, .. } => text(output).await,
            StartExecResults::Detached => Ok(String::new()),
        }
    }

    /// Returns all that a container has written.
    pub(super) async fn output(&self, container: &str) -> Result<String, Error> {
        self.logs(container, "all").await
    }

    /// Returns the last lines that a container has written, as evidence; empty when they cannot be had.
    pub(super) async fn last_words(&self, container: &str) -> String {
        self.logs(container, LINES_OF_EVIDENCE).await.unwrap_or_default().trim().to_owned()
    }

    async fn logs(&self, container: &str, lines: &str) -> Result<String, Error> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(lines).build();
        text(self.docker.logs(container, Some(options))).await
    }
}

async fn text<S>(output: S) -> Result<String, Error>
where
    S: futures_util::Stream<Item = Result<bollard::container::LogOutput, Error>>,
{
    let bytes = output
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(piece.as_ref());
            Ok(all)
        })
        .await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Asks for the API version, and refuses an engine that is too old.
async fn api_minor(docker: &Docker) -> Result<usize> {
    let version = docker.version().await.map_err(refused("tell its version"))?;
    let api = version.api_version.unwrap_or_default();
    match api.strip_prefix("1.").and_then(|minor| minor.parse().ok()) {
        Some(minor) if minor >= OLDEST_API => Ok(minor),
        _ => Err(Problem::new(Class::Config, "the Docker Engine is too old")
            .saw(format!("version {}, API {api}", version.version.unwrap_or_default()))
            .remedy("install Docker Engine 20.10 or newer")),
    }
}

/// Makes a problem of an engine's refusal to do something, keeping its words.
pub(super) fn refused(what: impl std::fmt::Display) -> impl FnOnce(Error) -> Problem {
    move |error| Problem::new(Class::Machine, format!("the Docker Engine did not {what}")).saw(words(&error))
}

/// Returns the HTTP status of an engine's refusal.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Returns `None` in place of the engine's word that the thing does not exist.
pub(super) fn if_there<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the words of an error and of its causes.
pub(super) fn words(error: &Error) -> String {
    if let Error::DockerResponseServerError { message, .. } = error {
        return message.trim().to_owned();
    }
    let mut all = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !all.contains(&inner_words) {
            all.push_str(": ");
            all.push_str(&inner_words);
        }
        cause = inner.source();
    }
    all
}

fn unreachable(host: &str, error: &Error) -> Problem {
    let seen = words(error);
    let problem = Problem::new(Class::Connection, format!("no Docker Engine answers at {host}"));
    let remedy = if seen.contains("ermission denied") {
        "add yourself to the group that owns the socket: `sudo usermod -aG docker $USER`, then log in again"
    } else if host.starts_with("unix://") {
        "start it (`sudo systemctl start docker`), or set DOCKER_HOST to where one listens; `docker context ls` knows"
    } else {
        "sealift reaches an engine at unix:// or, without TLS, tcp://; for another, forward its socket: \
         `ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST`, and set DOCKER_HOST=unix:///tmp/docker.sock"
    };
    problem.saw(seen).remedy(remedy)
}

fn rootless(host: &str) -> Problem {
    Problem::new(Class::Config, "a rootless Docker Engine cannot hold machines")
        .saw(format!("{host} runs in a network of its own, which this machine has no route to"))
        .remedy("set DOCKER_HOST to an engine that runs as root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_told_with_what_to_do() {
        for (host, remedy) in [
            ("unix:///nonexistent/docker.sock", "systemctl start docker"),
            ("tcp://127.0.0.1:1", "forward its socket"),
            ("ssh://somewhere", "forward its socket"),
        ] {
            let problem = Engine::connect_to(host).await.unwrap_err();
            assert_eq!(problem.class, Class::Connection);
            assert!(problem.remedies[0].contains(remedy), "{host}: {problem:?}");
            assert!(problem.message.contains(host), "{problem:?}");
        }
    }
}
