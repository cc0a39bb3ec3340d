//! The image's `init`, with what its scripts spoil when they are run again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::agent::command::Tell;
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::wire::ScriptCommand;

use super::script;

/// Scripts of the family write all their kernel settings to the end of this file, at every run once more.
const SETTINGS: &str = "/etc/sysctl.conf";

/// Runs the scripts one after the other.
pub(super) fn run(rootfs: &Path, scripts: &[ScriptCommand], tell: Tell<'_>) -> Result<()> {
    for command in scripts {
        let programs = command.environment.get("BIN_DIR").map_or("/usr/bin", String::as_str);
        make_way(&rootfs.join("bin"), Path::new(programs))?;
    }
    let before = fsx::read_if_exists(Path::new(SETTINGS))?.unwrap_or_default();
    let ran = scripts.iter().try_for_each(|command| script::run(rootfs, command, tell));
    tidy(Path::new(SETTINGS), &String::from_utf8_lossy(&before))?;
    ran
}

/// Takes away the names of programs that the image has otherwise: scripts copy over them, which fails without a word where
/// one runs (its text is busy), while a new file beside it does not.
fn make_way(from: &Path, to: &Path) -> Result<()> {
    let Ok(programs) = fs::read_dir(from) else { return Ok(()) };
    for program in programs.flatten() {
        let installed = to.join(program.file_name());
        if installed.exists() && !is_same(&program.path(), &installed) {
            fsx::remove_if_exists(&installed)?;
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    length(one) == length(other)
        && matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

/// Takes the lines away that were appended and were there before.
fn tidy(path: &Path, before: &str) -> Result<()> {
    let Some(after) = fsx::read_if_exists(path)? else { return Ok(()) };
    let after = String::from_utf8_lossy(&after);
    let Some(tidied) = without_repetitions(before, &after) else { return Ok(()) };
    // In place: its owner and mode are not ours.
    fs::write(path, tidied).problem_with(Class::Machine, || format!("cannot write {}", path.display()))
}

/// Returns the text without appended lines that repeat earlier ones; `None` if there are none.
fn without_repetitions(before: &str, after: &str) -> Option<String> {
    let appended = after.strip_prefix(before)?;
    let mut seen: BTreeSet<&str> = before.lines().collect();
    let kept: String = appended.split_inclusive('\n').filter(|line| seen.insert(line.trim_end())).collect();
    (kept.len() < appended.len()).then(|| format!("{before}{kept}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_appended_again_are_taken_back() {
        let once = "# mine\na=1\nb=2 # sealos\nc=3 # sealos\n";
        let twice = format!("{once}b=2 # sealos\nc=3 # sealos\n");
        assert_eq!(without_repetitions(once, &twice).as_deref(), Some(once));
        let more = format!("{once}b=2 # sealos\nd=4 # sealos\n");
        assert_eq!(without_repetitions(once, &more), Some(format!("{once}d=4 # sealos\n")));
        assert_eq!(without_repetitions("a=1\n", once), None, "what is not appended is not ours to judge");
        assert_eq!(without_repetitions(once, once), None);
    }

    #[test]
    fn a_program_that_runs_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let (image, machine) = (folder.path().join("image"), folder.path().join("machine"));
        for directory in [&image, &machine] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("same"), "same").unwrap();
        }
        fs::write(image.join("kubelet"), "new").unwrap();
        fs::write(machine.join("kubelet"), "old").unwrap();
        fs::write(machine.join("theirs"), "theirs").unwrap();
        make_way(&image, &machine).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&machine).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["same", "theirs"]);
    }
}
