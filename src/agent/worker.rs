//! The process inside a transient unit: it does one piece of work and leaves a result.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::paths;
use super::work;
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::redact::Redactions;
use crate::wire::Work;

/// Does the work in `directory` and writes its result there. The result is also the answer.
pub fn run(directory: &Path) -> Result<()> {
    let result = locked(directory);
    let text = serde_json::to_vec(&result).problem(Class::Internal, "cannot write the result down")?;
    fsx::write_atomically(&directory.join("result.json"), text, 0o600)?;
    result
}

/// Under the machine's lock, which the programs it starts hold too: while any of them lives, nobody else works here.
fn locked(directory: &Path) -> Result<()> {
    let text = fsx::read(&directory.join("work.json"))?;
    // It may hold secrets and is not needed any more.
    fsx::remove_if_exists(&directory.join("work.json"))?;
    let work: Work = serde_json::from_slice(&text).problem(Class::Internal, "the work cannot be read")?;
    let Some(lock) = fsx::try_lock(&Path::new(paths::RUN).join("lock"))? else {
        return Err(Problem::new(Class::Busy, "programs of earlier work still run on the machine")
            .remedy("wait until they end: systemctl list-units 'sealift-work-*' shows them"));
    };
    lock.share_with_children()?;
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join("log"))
        .problem(Class::Machine, "cannot open the work's log")?;
    let log = RefCell::new(log);
    let redactions = Redactions::default();
    work.secrets().iter().for_each(|secret| redactions.hide(secret));
    // The log is for people: what cannot be written there is no reason to stop.
    let tell = |line: &str| drop(writeln!(log.borrow_mut(), "{}", redactions.apply(line)));
    work::carry_out(&work, &tell).map_err(|problem| hidden(problem, &redactions))
}

/// Takes secrets out of what is told of a failure: programs repeat what they were given.
fn hidden(problem: Problem, redactions: &Redactions) -> Problem {
    let hide = |text: String| redactions.apply(&text).into_owned();
    Problem {
        message: hide(problem.message),
        seen: problem.seen.into_iter().map(hide).collect(),
        remedies: problem.remedies.into_iter().map(hide).collect(),
        ..problem
    }
}
