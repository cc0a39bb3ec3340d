//! A hook of the operator's, run on this machine for so long as it may; what it says stays here.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{members, paths, receipts};
use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx;
use crate::model::HookRun;
use crate::redact::Redactions;
use crate::wire::HookWork;

use super::script;

/// The variable that holds the registry's password.
const PASSWORD: &str = "registryPassword";

/// With these `timeout` says that it had to end the program: that it asked it to, and that it killed it, and itself with it where
/// bash has made room for it.
const OVERDUE: [&str; 3] = ["exit status: 124", "exit status: 137", "signal: 9 (SIGKILL)"];

pub(super) fn carry_out(work: &HookWork, tell: Tell<'_>) -> Result<()> {
    let name = format!("hook-{}", work.name);
    receipts::withdraw(&name)?;
    match &work.run {
        HookRun::Shell(text) => run(work, text, tell)?,
        HookRun::EtcdSnapshot(directory) => now(async || {
            let saving = members::save_etcd(directory);
            let saved = tokio::time::timeout(Duration::from_secs(work.seconds), saving).await;
            let path = saved.map_err(|_| overdue(work, Problem::new(Class::Machine, "")))??;
            tell(&format!("etcd is saved in {}", path.display()));
            Ok(())
        })?,
    }
    receipts::write(&name, &work.receipt)
}

fn run(work: &HookWork, text: &str, tell: Tell<'_>) -> Result<()> {
    let rootfs = paths::rootfs(&work.cluster);
    let directory = if rootfs.is_dir() { rootfs.as_path() } else { Path::new("/") };
    let mut environment = work.environment.clone();
    if Path::new(paths::ADMIN).exists() {
        environment.entry("KUBECONFIG".to_owned()).or_insert_with(|| paths::ADMIN.to_owned());
        environment.entry("KUBECACHEDIR".to_owned()).or_insert_with(|| paths::KUBECTL_CACHE.to_owned());
    }
    let kept = RefCell::new(output(&work.name)?);
    let redactions = Redactions::default();
    environment.get(PASSWORD).into_iter().for_each(|password| redactions.hide(&password.clone().into()));
    let heard = |line: &str| {
        // It is for people: what cannot be kept is no reason to stop.
        drop(writeln!(kept.borrow_mut(), "{}", redactions.apply(line)));
        tell(line);
    };
    // In a file, since every user of the machine reads what a process's arguments are.
    let text_of_it = script::secret_file("hook-", text)?;
    let line = format!("timeout --kill-after=10 {} bash {}", work.seconds, script::quoted(&text_of_it));
    let called = format!("hook {}", work.name);
    let ran = script::with_environment(&line, &environment, directory)?.called(&called).run(&heard);
    ran.map_err(|problem| {
        let is_overdue = OVERDUE.iter().any(|status| problem.message.ends_with(status));
        let problem = if is_overdue { overdue(work, problem) } else { problem };
        problem.remedy(format!("all it said is in {}/{}.log there", paths::HOOKS, work.name))
    })
}

/// Returns what is told of a hook that took too long, with what was seen of it.
fn overdue(work: &HookWork, seen: Problem) -> Problem {
    let message = format!("the hook `{}` did not end within {} s", work.name, work.seconds);
    Problem { message, ..seen }.remedy("give it more time with `timeout:`")
}

/// What the last run of a hook said.
fn output(name: &str) -> Result<File> {
    fsx::make_directory(Path::new(paths::HOOKS))?;
    let path = Path::new(paths::HOOKS).join(format!("{name}.log"));
    let mut options = OpenOptions::new();
    // What an operator's script says is root's business.
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&path).problem_with(Class::Machine, || format!("cannot write {}", path.display()))
}
