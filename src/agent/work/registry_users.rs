//! Who may log in to a registry: its file of users and hashes, and a running registry that heeds it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::agent::blocking::now;
use crate::agent::command::{Command, Tell};
use crate::agent::{paths, receipts, units};
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::image::ServedRegistry;
use crate::model::{RegistryStyle, RegistryUser};
use crate::wire::{RegistryUsersWork, ScriptCommand};

use super::registry::{UNIT, start_container};

/// The file's name, in the registry's directory.
pub(super) const NAME: &str = "registry_htpasswd";

/// Where the image's script takes the file from, in the rootfs.
pub(super) const FILE: &str = "etc/registry_htpasswd";

/// bcrypt's cost of a password that is long, the least there is. A higher one slows those down who guess passwords
/// that people chose; a random one has 142 bits, and the registry works the hash out for every request of every pull:
/// at the usual cost that takes longer than sending the images.
const COST_OF_LONG: u32 = 4;
const LONG: usize = 20;

/// The usual cost.
const COST_OF_SHORT: u32 = 10;

/// How long a registry may take to heed the file, and how long one that was started anew.
const BY_ITSELF: Duration = Duration::from_secs(3);
const STARTED_ANEW: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long one look may take: a program that hangs takes connections and never answers.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Lets a registry that runs take these users and no others.
pub(super) fn carry_out(work: &RegistryUsersWork, tell: Tell<'_>) -> Result<()> {
    let rootfs = paths::rootfs(&work.cluster);
    let copy = directory(&work.script).join(NAME);
    for path in std::iter::once(rootfs.join(FILE)).chain(copy.exists().then_some(copy)) {
        place(&path, &work.users)?;
    }
    // The distribution project's registry reads the file again when it has changed.
    if let Err(unheeded) = await_heeding(work, BY_ITSELF) {
        start_anew(work, &unheeded, &rootfs, tell)?;
    }
    work.receipt.as_ref().map_or(Ok(()), |receipt| receipts::write("registry", receipt))
}

fn start_anew(work: &RegistryUsersWork, unheeded: &Problem, rootfs: &Path, tell: Tell<'_>) -> Result<()> {
    tell(&format!("the registry is started anew: {}", unheeded.brief()));
    match work.style {
        RegistryStyle::Unit => Command::new("systemctl", ["restart", UNIT]).run(tell)?,
        RegistryStyle::Container => start_container(&work.script, rootfs, tell)?,
    }
    await_heeding(work, STARTED_ANEW).map_err(|problem| units::with_journal(problem, UNIT))
}

/// Returns where the registry's configuration is, as the image's scripts are told.
pub(super) fn directory(script: &ScriptCommand) -> PathBuf {
    script.environment.get("registryConfig").map_or("/etc/registry", String::as_str).into()
}

/// Writes the file, in the form of Apache's htpasswd with bcrypt, if it does not hold these users already.
pub(super) fn place(path: &Path, users: &[RegistryUser]) -> Result<()> {
    let present = fsx::read_if_exists(path)?.unwrap_or_default();
    if holds(&String::from_utf8_lossy(&present), users) {
        return Ok(());
    }
    let lines = users.iter().map(|user| {
        let cost = if user.password.len() < LONG { COST_OF_SHORT } else { COST_OF_LONG };
        let hash = bcrypt::hash(&user.password, cost).problem(Class::Machine, "cannot hash the password")?;
        Ok(format!("{}:{hash}\n", user.username))
    });
    let text = lines.collect::<Result<String>>()?;
    fsx::write_atomically(path, text, 0o600)
}

fn holds(file: &str, users: &[RegistryUser]) -> bool {
    let lines: Vec<(&str, &str)> = file.lines().filter_map(|line| line.trim().split_once(':')).collect();
    let is_there = |user: &RegistryUser| {
        lines.iter().any(|(name, hash)| {
            *name == user.username && bcrypt::verify(&user.password, hash).unwrap_or(false)
        })
    };
    lines.len() == users.len() && users.iter().all(is_there)
}

/// Waits until the registry lets those in who may, and nobody else.
fn await_heeding(work: &RegistryUsersWork, patience: Duration) -> Result<()> {
    let began = Instant::now();
    now(async || {
        loop {
            let looked = timeout(ANSWER_DEADLINE, heeds(work)).await.unwrap_or_else(|_| Err(silent()));
            match looked {
                Ok(()) => return Ok(()),
                Err(problem) if began.elapsed() > patience => return Err(problem),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    })
}

fn silent() -> Problem {
    let message = format!("the registry does not answer within {} s", ANSWER_DEADLINE.as_secs());
    Problem::new(Class::Machine, message)
}

async fn heeds(work: &RegistryUsersWork) -> Result<()> {
    for (users, may) in [(&work.users, true), (&work.gone, false)] {
        for user in users {
            let door = user.door(work.listen, &work.authority);
            if ServedRegistry::behind(&door)?.admits().await? != may {
                let told = if may { "does not take" } else { "still takes" };
                return Err(Problem::new(
                    Class::Machine,
                    format!("the registry {told} the credentials of `{}`", user.username),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(username: &str, password: &str) -> RegistryUser {
        RegistryUser { username: username.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn the_file_has_those_who_may_and_is_not_written_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("htpasswd");
        let read = || std::fs::read_to_string(&path).unwrap();
        let (old, new) = (user("sealift", &"o".repeat(24)), user("sealift2", "short"));
        place(&path, std::slice::from_ref(&old)).unwrap();
        let first = read();
        place(&path, std::slice::from_ref(&old)).unwrap();
        assert_eq!(read(), first, "the same is not hashed again");
        place(&path, &[new.clone(), old.clone()]).unwrap();
        let both = read();
        let costs: Vec<&str> = both.lines().map(|line| line.split('$').nth(2).unwrap()).collect();
        assert_eq!(costs, ["10", "04"], "what a person may have chosen is not cheap to guess");
        assert!(holds(&both, &[old.clone(), new.clone()]) && !holds(&both, std::slice::from_ref(&new)));
        assert!(!holds(&both, &[old, user("sealift2", "other")]) && !holds("", &[new]));
    }
}
