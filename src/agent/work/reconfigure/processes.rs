//! The processes of a component, known by what they were begun with, or by the pod that they are in.
//!
//! An image may begin a component by a script of its own, which becomes it with other words; its pod is the same for all that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the kernel shows processes.
const PROCESSES: &str = "/proc";

/// Returns the processes that were begun with these words and no others.
pub(super) fn begun_with(command: &[String]) -> BTreeSet<u32> {
    let line: Vec<u8> = command.iter().flat_map(|word| [word.as_bytes(), &[0]].concat()).collect();
    let is_it = |process: &Path| std::fs::read(process.join("cmdline")).is_ok_and(|told| told == line);
    if line.is_empty() { BTreeSet::new() } else { those(Path::new(PROCESSES), is_it) }
}

/// Returns the processes in a pod of which only the uid is known.
pub(super) fn of_pod(uid: &str) -> BTreeSet<u32> {
    in_pod(Path::new(PROCESSES), uid)
}

fn in_pod(place: &Path, uid: &str) -> BTreeSet<u32> {
    // systemd's slices have no hyphens within a name.
    let names = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
    let is_in = |process: &Path| {
        let groups = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        names.iter().any(|name| groups.contains(name))
    };
    if uid.is_empty() { BTreeSet::new() } else { those(place, is_in) }
}

fn those(place: &Path, are: impl Fn(&Path) -> bool) -> BTreeSet<u32> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path()))
    });
    numbered.filter(|(_, path): &(u32, PathBuf)| are(path)).map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agent::work::kubelet::within;

    #[test]
    fn a_process_is_known_by_all_its_arguments() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let is_found = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            begun_with(&words).contains(&child.id())
        };
        // It is this program until it becomes the other one.
        let found = within(Duration::from_secs(30), || is_found(&["sleep", "600"]));
        let others = [is_found(&["sleep"]), is_found(&["sleep", "60"]), is_found(&[])];
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
        assert_eq!(others, [false; 3]);
    }

    #[test]
    fn a_process_is_known_by_its_pod_whoever_makes_the_groups() {
        let place = tempfile::tempdir().unwrap();
        for (process, groups) in [
            ("1", "0::/init.scope\n"),
            ("2", "0::/kubelet/kubepods/burstable/pod0a1b/4c\n"),
            (
                "3",
                "0::/../kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b.slice/cri-4c.scope\n",
            ),
            ("4", "11:memory:/kubepods/burstable/podff00/4c\n"),
            ("5", "0::/kubepods.slice/kubepods-pod12_34.slice/x\n"),
            ("x", "0::/kubepods/burstable/pod0a1b/4c\n"),
        ] {
            std::fs::create_dir(place.path().join(process)).unwrap();
            std::fs::write(place.path().join(process).join("cgroup"), groups).unwrap();
        }
        assert_eq!(in_pod(place.path(), "0a1b"), [2, 3].into());
        assert_eq!(in_pod(place.path(), "12-34"), [5].into());
        assert_eq!(in_pod(place.path(), ""), BTreeSet::new());
    }
}
