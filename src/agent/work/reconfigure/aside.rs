//! Files put aside before they are changed, so that they can be put back.
//!
//! A change that was cut off may never be done again, and years may pass. So what it has written is noted beside the copies: a file
//! that somebody else has written since, such as a certificate that was renewed, is not replaced by what was there before.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::agent::paths;
use crate::distribute::remove;
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::model::{Digest, Part};

/// The parts that a machine has files of.
pub(super) const PARTS: [Part; 2] = [Part::Kubelet, Part::ControlPlane];

/// What kubeadm writes for kubelet.
const OF_KUBELET: [&str; 3] = [
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/instance-config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
];

/// A control plane's manifests, and the API server's certificate, which it reads anew by itself.
const OF_CONTROL_PLANE: [&str; 6] = [
    "/etc/kubernetes/pki/apiserver.crt",
    "/etc/kubernetes/pki/apiserver.key",
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/kube-controller-manager.yaml",
    "/etc/kubernetes/manifests/kube-scheduler.yaml",
];

/// What a change has made of the files so far, noted beside the copies.
const NOTE: &str = "written.json";

/// How far a change has come with its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Note {
    /// Something is about to be written: whatever is there may be of the change.
    Writing,
    /// These are the digests of what it has left, by the files' names; none of a file that was not there.
    Left(BTreeMap<String, Option<Digest>>),
}

/// Copies of files as they were when all was well.
pub(super) struct Aside {
    directory: PathBuf,
    files: Vec<PathBuf>,
}

impl Aside {
    /// Copies the files of a part, as far as they are there. What an earlier change has put aside and was cut off before it came to
    /// its end is what ran well, and stays, but for files that somebody else has written since.
    pub(super) fn keep(part: Part) -> Result<Self> {
        Self::keep_in(Path::new(paths::ASIDE), name(part), files(part))
    }

    /// Returns what a change of a part has put aside that has not come to its end.
    pub(super) fn of(part: Part) -> Option<Self> {
        let directory = Path::new(paths::ASIDE).join(name(part));
        directory.exists().then(|| Self { directory, files: files(part) })
    }

    fn keep_in(place: &Path, name: &str, files: Vec<PathBuf>) -> Result<Self> {
        let kept = Self { directory: place.join(name), files };
        if kept.directory.exists() {
            kept.take_in_what_others_wrote()?;
            return Ok(kept);
        }
        let directory = unfinished(&kept.directory);
        remove::remove_tree(&directory)?;
        paths::make_private(&directory)?;
        let unfinished = Self { directory, files: kept.files };
        for file in unfinished.files.iter().filter(|file| file.exists()) {
            copy(file, &unfinished.copy_of(file))?;
        }
        unfinished.note(&unfinished.left()?)?;
        let kept = Self { directory: kept.directory, files: unfinished.files };
        std::fs::rename(&unfinished.directory, &kept.directory)
            .problem_with(Class::Machine, || format!("cannot make {}", kept.directory.display()))?;
        fsx::sync_directory(place)?;
        Ok(kept)
    }

    /// Has `write` change the files, and notes what it makes of them.
    pub(super) fn change(&self, write: impl FnOnce() -> Result<()>) -> Result<()> {
        self.note(&Note::Writing)?;
        write()?;
        self.note(&self.left()?)
    }

    fn note(&self, note: &Note) -> Result<()> {
        let text = serde_json::to_string(note).problem(Class::Internal, "the note cannot be written")?;
        fsx::write_atomically(&self.directory.join(NOTE), text, 0o600)
    }

    /// Returns the files as they are.
    fn left(&self) -> Result<Note> {
        let files = self.files.iter().map(|file| {
            Ok((name_of(file).display().to_string(), fsx::read_if_exists(file)?.map(Digest::of)))
        });
        files.collect::<Result<_>>().map(Note::Left)
    }

    /// Puts files that are not as the change has left them in the place of the copies. Of a change that was cut off while it wrote,
    /// and of one of an earlier version, nobody knows.
    fn take_in_what_others_wrote(&self) -> Result<()> {
        let note = fsx::read_if_exists(&self.directory.join(NOTE))?;
        let note = note.and_then(|text| serde_json::from_slice(&text).ok());
        let (Some(Note::Left(left)), Note::Left(now)) = (note, self.left()?) else { return Ok(()) };
        for file in &self.files {
            let name = name_of(file).display().to_string();
            match (left.get(&name), now.get(&name)) {
                (Some(left), Some(now)) if left == now => {}
                (_, Some(Some(_))) => copy(file, &self.copy_of(file))?,
                // A file that is gone is nobody's work.
                _ => {}
            }
        }
        Ok(())
    }

    fn copy_of(&self, file: &Path) -> PathBuf {
        self.directory.join(name_of(file))
    }

    /// Puts all back as it was; what was not there goes, and what somebody else has written since stays.
    pub(super) fn put_back(&self) -> Result<()> {
        self.take_in_what_others_wrote()?;
        for file in &self.files {
            let kept = self.copy_of(file);
            if !kept.exists() {
                fsx::remove_if_exists(file)?;
            } else if fsx::read(&kept)? != fsx::read_if_exists(file)?.unwrap_or_default() {
                copy(&kept, file)?;
            }
        }
        Ok(())
    }

    /// Lets the copies go, all of them at one moment: of half of them, the other half would pass for files that were not there.
    pub(super) fn forget(&self) -> Result<()> {
        // What kubeadm has written may be in memory alone.
        self.files.iter().filter(|file| file.exists()).try_for_each(|file| sync(file))?;
        let unfinished = unfinished(&self.directory);
        remove::remove_tree(&unfinished)?;
        std::fs::rename(&self.directory, &unfinished)
            .problem_with(Class::Machine, || format!("cannot remove {}", self.directory.display()))?;
        self.directory.parent().map_or(Ok(()), fsx::sync_directory)?;
        remove::remove_tree(&unfinished).map(drop)
    }
}

/// Returns what a part is put aside under.
fn name(part: Part) -> &'static str {
    match part {
        Part::ControlPlane => "control-plane",
        Part::Kubelet => "kubelet",
        Part::KubeProxy => "kube-proxy",
    }
}

/// Returns the files of a part.
fn files(part: Part) -> Vec<PathBuf> {
    let files: &[&str] = match part {
        Part::ControlPlane => &OF_CONTROL_PLANE,
        Part::Kubelet => &OF_KUBELET,
        Part::KubeProxy => &[],
    };
    files.iter().map(PathBuf::from).collect()
}

/// Returns where copies are that are not all there, or not any more.
fn unfinished(directory: &Path) -> PathBuf {
    directory.with_extension("unfinished")
}

/// Names do not come twice among the files of one change.
fn name_of(file: &Path) -> PathBuf {
    file.file_name().map(PathBuf::from).unwrap_or_default()
}

fn sync(file: &Path) -> Result<()> {
    let synced = std::fs::File::open(file).and_then(|file| file.sync_all());
    synced.problem_with(Class::Machine, || format!("cannot sync {}", file.display()))?;
    file.parent().map_or(Ok(()), fsx::sync_directory)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mode = std::fs::metadata(from).map(|metadata| metadata.permissions().mode() & 0o7777);
    let mode = mode.problem_with(Class::Machine, || format!("cannot read {}", from.display()))?;
    fsx::write_atomically(to, fsx::read(from)?, mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Problem;

    #[test]
    fn what_was_there_comes_back_and_what_was_not_goes() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name);
        let keep = || Aside::keep_in(&file("aside"), "x", vec![file("key"), file("new")]).unwrap();
        fsx::write_atomically(&file("key"), "old", 0o600).unwrap();
        let aside = keep();
        aside
            .change(|| {
                fsx::write_atomically(&file("key"), "other", 0o644)?;
                fsx::write_atomically(&file("new"), "new", 0o644)
            })
            .unwrap();
        // It was cut off, and is done again: what ran well is still what is put back.
        keep().put_back().unwrap();
        assert_eq!(fsx::read(&file("key")).unwrap(), b"old");
        assert_eq!(std::fs::metadata(file("key")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!file("new").exists());
        // What was cut off while it was let go is no copy of anything.
        std::fs::create_dir(file("aside/x.unfinished")).unwrap();
        aside.forget().unwrap();
        assert!(std::fs::read_dir(file("aside")).unwrap().next().is_none());
    }
    #[test]
    fn what_somebody_else_has_written_since_stays() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name);
        let write = |name: &str, text: &str| fsx::write_atomically(&file(name), text, 0o600);
        let keep = || Aside::keep_in(&file("aside"), "x", vec![file("crt"), file("manifest")]).unwrap();
        let read =
            || ["crt", "manifest"].map(|name| String::from_utf8(fsx::read(&file(name)).unwrap()).unwrap());
        let begin = || {
            write("crt", "old").unwrap();
            write("manifest", "old").unwrap();
            keep()
        };
        let aside = begin();
        aside.change(|| write("crt", "new").and_then(|()| write("manifest", "new"))).unwrap();
        // It was cut off here, and the certificate was renewed later.
        write("crt", "renewed").unwrap();
        keep().put_back().unwrap();
        assert_eq!(read(), ["renewed", "old"]);
        aside.forget().unwrap();

        // Cut off in the middle of writing, or by a version that took no note, whatever is there may be of the change.
        let aside = begin();
        aside
            .change(|| write("crt", "new").and_then(|()| Err(Problem::new(Class::Machine, "cut off"))))
            .unwrap_err();
        aside.put_back().unwrap();
        assert_eq!(read(), ["old", "old"]);
        write("crt", "new").unwrap();
        fsx::remove_if_exists(&aside.directory.join(NOTE)).unwrap();
        aside.put_back().unwrap();
        assert_eq!(read(), ["old", "old"]);
    }
}
