//! The image's `init`, with what its scripts spoil when they are run again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::agent::command::Tell;
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::wire::ScriptCommand;

use super::script;

/// Scripts of the family write all their kernel settings to the end of this file, at every run once more.
const SETTINGS: &str = "/etc/sysctl.conf";

/// Runs the scripts one after the other.
pub(super) fn run(rootfs: &Path, scripts: &[ScriptCommand], tell: Tell<'_>) -> Result<()> {
    let mut aside = vec![];
    for command in scripts {
        let programs = command.environment.get("BIN_DIR").map_or("/usr/bin", String::as_str);
        aside.extend(make_way(&rootfs.join("bin"), Path::new(programs))?);
    }
    let before = fsx::read_if_exists(Path::new(SETTINGS))?.unwrap_or_default();
    let ran = scripts.iter().try_for_each(|command| script::run(rootfs, command, tell));
    aside.iter().try_for_each(Aside::come_back)?;
    tidy(Path::new(SETTINGS), &before)?;
    ran
}

/// A program that stands aside while scripts run.
#[derive(Debug)]
struct Aside {
    /// Where it was.
    installed: PathBuf,
    /// Where it is meanwhile.
    meanwhile: PathBuf,
}

impl Aside {
    /// What no script has put another one in the place of is the machine's own, and comes back.
    fn come_back(&self) -> Result<()> {
        if self.installed.exists() {
            return fsx::remove_if_exists(&self.meanwhile).map(drop);
        }
        rename(&self.meanwhile, &self.installed)
    }
}

/// Moves programs aside that the image has otherwise: scripts copy over them, which fails without a word where one runs (its
/// text is busy), while a new file beside it does not.
fn make_way(from: &Path, to: &Path) -> Result<Vec<Aside>> {
    let Ok(programs) = fs::read_dir(from) else { return Ok(vec![]) };
    let mut aside = vec![];
    for program in programs.flatten() {
        let installed = to.join(program.file_name());
        let meanwhile = to.join(format!(".{}.aside", program.file_name().to_string_lossy()));
        if !installed.exists() {
            // A run that was cut off may have left it there.
            if meanwhile.exists() {
                aside.push(Aside { installed, meanwhile });
            }
        } else if !is_same(&program.path(), &installed) {
            rename(&installed, &meanwhile)?;
            aside.push(Aside { installed, meanwhile });
        }
    }
    Ok(aside)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .problem_with(Class::Machine, || format!("cannot move {} to {}", from.display(), to.display()))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    length(one) == length(other)
        && matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

/// Takes the lines away that were appended and were there before. What is no text is left alone.
fn tidy(path: &Path, before: &[u8]) -> Result<()> {
    let Some(after) = fsx::read_if_exists(path)? else { return Ok(()) };
    let (Ok(before), Ok(after)) = (str::from_utf8(before), str::from_utf8(&after)) else { return Ok(()) };
    let Some(tidied) = without_repetitions(before, after) else { return Ok(()) };
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
        let names = || {
            let entries = fs::read_dir(&machine).unwrap().map(|entry| entry.unwrap().file_name());
            entries.collect::<BTreeSet<_>>()
        };
        let aside = make_way(&image, &machine).unwrap();
        assert_eq!(names(), [".kubelet.aside", "same", "theirs"].map(Into::into).into());
        aside.iter().try_for_each(Aside::come_back).unwrap();
        assert_eq!(fs::read_to_string(machine.join("kubelet")).unwrap(), "old", "no script has replaced it");
        // A run that is cut off leaves it aside, and the next one finds it there.
        make_way(&image, &machine).unwrap();
        let aside = make_way(&image, &machine).unwrap();
        fs::write(machine.join("kubelet"), "new").unwrap();
        aside.iter().try_for_each(Aside::come_back).unwrap();
        assert_eq!(fs::read_to_string(machine.join("kubelet")).unwrap(), "new");
        assert_eq!(names(), ["kubelet", "same", "theirs"].map(Into::into).into());
    }
}
