//! An image's script, run as the contract has it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::agent::command::{Command, Tell};
use crate::agent::units;
use crate::error::{Class, Context, Problem, Result};
use crate::model::Environment;
use crate::wire::{Postcondition, ScriptCommand};

/// Runs `cd <rootfs>/scripts && bash <text>` with the variables exported.
///
/// The label's own words are for the shell to expand (`$registryData`); values never are. The variables go in
/// through a file, so that no secret stands among a process's arguments.
pub(super) fn run(rootfs: &Path, script: &ScriptCommand, tell: Tell<'_>) -> Result<()> {
    let directory = rootfs.join("scripts");
    let program = script.text.split_whitespace().next().unwrap_or_default();
    let is_script = Path::new(program).extension().is_some_and(|extension| extension == "sh");
    if is_script && !directory.join(program).exists() {
        return Err(Problem::new(Class::Config, format!("the image has no script `{program}`"))
            .remedy("the image's labels name scripts that must be in its scripts/ directory"));
    }
    tell(&format!("bash {}", script.text));
    with_environment(&format!("bash {}", script.text), &script.environment, &directory)?.run(tell)
}

/// Returns a command that runs a line of shell in `directory` with these variables exported.
pub(super) fn with_environment(line: &str, environment: &Environment, directory: &Path) -> Result<Command> {
    let mut exports = String::new();
    for (name, value) in environment {
        let _ = writeln!(exports, "export {name}={}", shell_words::quote(value));
    }
    let (_, path) = secret_file("environment-", &exports)?
        .keep()
        .problem(Class::Machine, "cannot keep the script's variables")?;
    let path = quoted(&path);
    Ok(Command::shell(&format!(". {path} && rm -f {path} && {line}")).called(line).within(directory))
}

/// Writes what only root may read to a file in the machine's memory, which is gone with what is returned.
pub(super) fn secret_file(prefix: &str, text: &str) -> Result<NamedTempFile> {
    let failed = "cannot make a file for what is to be run";
    let mut file = tempfile::Builder::new()
        .prefix(prefix)
        .tempfile_in(crate::agent::paths::RUN)
        .problem(Class::Machine, failed)?;
    file.write_all(text.as_bytes()).problem(Class::Machine, failed)?;
    Ok(file)
}

/// Returns a path as a word of shell.
pub(super) fn quoted(path: impl AsRef<Path>) -> String {
    shell_words::quote(&path.as_ref().to_string_lossy()).into_owned()
}

/// Checks what must hold after a script, since scripts exit well whatever failed in them.
pub(super) fn check(postconditions: &[Postcondition], cri_socket: &str) -> Result<()> {
    for condition in postconditions {
        let missing = match condition {
            Postcondition::UnitActive(unit) => {
                (!units::states(&[unit]).values().any(crate::model::UnitState::is_active))
                    .then(|| format!("{unit} is not active"))
            }
            Postcondition::UnitEnabled(unit) => (!units::states(&[unit]).values().any(|state| state.enabled))
                .then(|| format!("{unit} is not enabled")),
            Postcondition::Says { program, arguments, expected } => {
                let said = Command::new(program, arguments).output();
                let holds = said.as_ref().is_ok_and(|said| said.contains(expected));
                (!holds).then(|| {
                    format!(
                        "`{program}` does not say {expected}: {}",
                        said.unwrap_or_else(|problem| problem.to_string()).trim()
                    )
                })
            }
            Postcondition::Socket(path) => std::os::unix::net::UnixStream::connect(path)
                .err()
                .map(|error| format!("nothing answers at {path}: {error}")),
            Postcondition::Image(image) => {
                let endpoint = format!("unix://{cri_socket}");
                let asked =
                    ["--runtime-endpoint", &endpoint, "--image-endpoint", &endpoint, "inspecti", image];
                let absent = Command::new("crictl", asked).output().err();
                absent.map(|problem| format!("the container runtime has no image {image}: {problem}"))
            }
        };
        if let Some(missing) = missing {
            let problem =
                Problem::new(Class::Machine, "the image's script ended well but its work is not done")
                    .saw(missing)
                    .remedy("read the script's output above; `journalctl -b` on the machine tells more");
            return Err(match condition {
                Postcondition::UnitActive(unit) => units::with_journal(problem, unit),
                _ => problem,
            });
        }
    }
    Ok(())
}
