//! Work that outlives the connection: a transient unit of systemd, its log and its result.
//!
//! Everything of one piece of work is in `/run/sealift/work/<name>`: `work.json` (gone as soon as the worker has
//! read it, since it may hold secrets), `identity` (the work's digest and run), `log` and `result.json`.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::command::Command;
use super::{paths, units};
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::Digest;
use crate::wire::Work;

/// How often the log and the result are looked at. The files are in memory, so looking costs next to nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Of whose work a directory is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The digest of the work.
    pub(super) digest: Digest,
    /// The run that began it.
    pub(super) run: String,
    /// When it was begun, RFC 3339.
    pub(super) since: String,
}

/// A piece of work under way.
pub(super) struct Transient {
    name: String,
    directory: PathBuf,
    unit: String,
}

/// Whether work could be begun.
pub(super) enum Begun {
    /// It is under way, begun now or by an earlier run.
    UnderWay(Transient),
    /// Other work runs on the machine: which, whose and since when.
    Busy(Problem),
}

impl Transient {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            directory: paths::work(name),
            unit: format!("sealift-work-{name}.service"),
        }
    }

    /// Begins `work`, or attaches to it if just this work runs already.
    pub(super) fn begin(work: &Work, run: &str, program: &Path) -> Result<Begun> {
        let transient = Self::named(&work.name());
        let text = serde_json::to_vec(work).problem(Class::Internal, "cannot write the work down")?;
        let identity = Identity { digest: Digest::of(&text), run: run.to_owned(), since: now() };
        if let Some((name, present)) = under_way() {
            // Tokens and keys differ from run to run, so the same step of another run is waited for, not repeated.
            let same = name == transient.name;
            return Ok(if same { Begun::UnderWay(transient) } else { Begun::Busy(busy(&name, &present)) });
        }
        if transient.directory.exists() {
            std::fs::remove_dir_all(&transient.directory)
                .problem_with(Class::Machine, || format!("cannot clear {}", transient.directory.display()))?;
        }
        paths::make_private(Path::new(paths::RUN))?;
        paths::make_private(&transient.directory)?;
        fsx::write_atomically(&transient.directory.join("work.json"), &text, 0o600)?;
        let identity =
            serde_json::to_vec(&identity).problem(Class::Internal, "cannot write the identity down")?;
        fsx::write_atomically(&transient.directory.join("identity"), identity, 0o600)?;
        fsx::write_atomically(&transient.directory.join("log"), "", 0o600)?;
        let unit = format!("--unit={}", transient.unit);
        let description = format!("--description=sealift: {}", transient.name);
        let (program, directory) = (program.to_string_lossy(), transient.directory.to_string_lossy());
        Command::new(
            "systemd-run",
            // Collected even after a failure, so that the name is free for the next try.
            [
                unit.as_str(),
                &description,
                "--collect",
                "--quiet",
                "--",
                &program,
                "agent",
                "work",
                &directory,
            ],
        )
        .output()?;
        Ok(Begun::UnderWay(transient))
    }

    /// Passes the log on until the work ends, and returns how it ended.
    pub(super) async fn follow(&self, tell: impl Fn(String), cancelled: &CancellationToken) -> Result<()> {
        let mut log = Tail::new(self.directory.join("log"));
        let mut looks: u32 = 0;
        loop {
            log.lines().into_iter().for_each(&tell);
            if let Some(result) = fsx::read_if_exists(&self.directory.join("result.json"))? {
                log.lines().into_iter().for_each(&tell);
                return serde_json::from_slice::<Result<()>>(&result)
                    .problem(Class::Machine, "the work's result cannot be read")?;
            }
            looks += 1;
            // Asking systemd costs more than looking at a file, so it is asked once a second.
            if looks.is_multiple_of(20)
                && !units::is_active(&self.unit)
                && !self.directory.join("result.json").exists()
            {
                let problem = Problem::new(Class::Machine, "the work broke off without a result")
                    .remedy("run the same command again: it looks what was done and goes on from there");
                return Err(units::with_journal(problem, &self.unit));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = cancelled.cancelled() => {
                    return Err(Problem::new(Class::Interrupted, "the operator is gone; the work goes on"));
                }
            }
        }
    }
}

/// Returns the work that runs on this machine now.
pub(super) fn under_way() -> Option<(String, Identity)> {
    let entries = std::fs::read_dir(Path::new(paths::RUN).join("work")).ok()?;
    entries.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        if entry.path().join("result.json").exists()
            || !units::is_active(&format!("sealift-work-{name}.service"))
        {
            return None;
        }
        let identity = serde_json::from_slice(&std::fs::read(entry.path().join("identity")).ok()?).ok()?;
        Some((name, identity))
    })
}

fn busy(name: &str, identity: &Identity) -> Problem {
    Problem::new(Class::Busy, format!("the machine is busy with `{name}`"))
        .saw(format!("run {}, since {}", identity.run, identity.since))
        .remedy("wait until it ends, then run the same command again")
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads the lines that were added to a file.
struct Tail {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// Returns the whole lines that are new. A log that cannot be read has none: it is only for people.
    fn lines(&mut self) -> Vec<String> {
        let mut text = Vec::new();
        let read = std::fs::File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset))?;
            file.read_to_end(&mut text)
        });
        let Some(end) = read.ok().and_then(|_| text.iter().rposition(|byte| *byte == b'\n')) else {
            return vec![];
        };
        self.offset += end as u64 + 1;
        String::from_utf8_lossy(&text[..end]).lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_whole_new_lines_are_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::new(file.path().to_owned());
        assert!(tail.lines().is_empty());
        file.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(tail.lines(), ["one", "two"]);
        file.write_all(b"ee\n").unwrap();
        assert_eq!(tail.lines(), ["three"]);
        assert!(tail.lines().is_empty());
    }
}
