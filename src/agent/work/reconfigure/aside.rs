//! Files put aside before they are changed, so that they can be put back.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::agent::paths;
use crate::distribute::remove;
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::model::Part;

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

/// Copies of files as they were when all was well.
pub(super) struct Aside {
    directory: PathBuf,
    files: Vec<PathBuf>,
}

impl Aside {
    /// Copies the files of a part, as far as they are there. What an earlier change has put aside and was cut off before it came to
    /// its end is what ran well, and stays.
    pub(super) fn keep(part: Part) -> Result<Self> {
        Self::keep_in(Path::new(paths::ASIDE), name(part), files(part))
    }

    /// Returns what a change of a part has put aside that has not come to its end.
    pub(super) fn of(part: Part) -> Option<Self> {
        let directory = Path::new(paths::ASIDE).join(name(part));
        directory.exists().then(|| Self { directory, files: files(part) })
    }

    fn keep_in(place: &Path, name: &str, files: Vec<PathBuf>) -> Result<Self> {
        let directory = place.join(name);
        if !directory.exists() {
            let unfinished = unfinished(&directory);
            remove::remove_tree(&unfinished)?;
            paths::make_private(&unfinished)?;
            for file in files.iter().filter(|file| file.exists()) {
                copy(file, &unfinished.join(name_of(file)))?;
            }
            std::fs::rename(&unfinished, &directory)
                .problem_with(Class::Machine, || format!("cannot make {}", directory.display()))?;
            fsx::sync_directory(place)?;
        }
        Ok(Self { directory, files })
    }

    /// Puts all back as it was; what was not there goes.
    pub(super) fn put_back(&self) -> Result<()> {
        for file in &self.files {
            let kept = self.directory.join(name_of(file));
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

    #[test]
    fn what_was_there_comes_back_and_what_was_not_goes() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name);
        let keep = || Aside::keep_in(&file("aside"), "x", vec![file("key"), file("new")]).unwrap();
        fsx::write_atomically(&file("key"), "old", 0o600).unwrap();
        let aside = keep();
        fsx::write_atomically(&file("key"), "other", 0o644).unwrap();
        fsx::write_atomically(&file("new"), "new", 0o644).unwrap();
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
}
