//! A Clusterfile that does not say what the cluster is: its lines that have to change before it is applied again.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::context::Context;
use crate::model::{Cluster, MachineSpec};
use crate::steps::State;

/// Warns of files that a change has left behind. `before` is what was kept before it.
pub(super) fn tell(context: &Context, before: &State) {
    let Ok(Some(now)) = State::load(&context.home, &before.cluster.name) else { return };
    let (came, went) = difference(&before.cluster, &now.cluster);
    if now.files.is_empty() || (came.is_empty() && went.is_empty()) {
        return;
    }
    let files: Vec<String> = now.files.iter().map(|file| file.display().to_string()).collect();
    let mut text = format!(
        "the cluster is not as {} says any more, and applying it would undo this; change it first:",
        files.join(" ")
    );
    for machine in &went {
        match now.files.iter().find_map(|file| line_with(file, machine)) {
            Some(line) => _ = write!(text, "\n  - {line}"),
            None => _ = write!(text, "\n  - {} among the {}s", machine.name, machine.role),
        }
    }
    for machine in &came {
        let _ = write!(text, "\n  + {} among the {}s", machine.ssh, machine.role);
    }
    context.reporter.warn(&text);
}

/// Returns the machines that came and those that went.
fn difference<'a>(before: &'a Cluster, now: &'a Cluster) -> (Vec<&'a MachineSpec>, Vec<&'a MachineSpec>) {
    let missing = |of: &'a Cluster, within: &Cluster| {
        let is_missing =
            |machine: &&MachineSpec| !within.machines.iter().any(|other| other.name == machine.name);
        of.machines.iter().filter(is_missing).collect()
    };
    (missing(now, before), missing(before, now))
}

/// Returns the line of a file that names the machine alone, with its place.
fn line_with(file: &Path, machine: &MachineSpec) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let names = |line: &str| {
        let words = line.split(|c: char| c.is_whitespace() || "[],'\"".contains(c));
        words.into_iter().any(|word| word == machine.name.0 || word == machine.ssh.to_string())
    };
    let (number, line) = text.lines().enumerate().find(|(_, line)| names(line))?;
    Some(format!("{}:{}: {}", file.display(), number + 1, line.trim()))
}
