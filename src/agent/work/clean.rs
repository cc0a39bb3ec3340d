//! Clean-up, in the order that loses nobody's data: stop, remove pods, unmount, reset, the image's scripts, leftovers.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::agent::command::{Command, Tell};
use crate::agent::look::runtimes;
use crate::agent::{
    care, family_paths, fence, hosts, leftovers, namespaces, ownership, paths, receipts, units,
};
use crate::distribute::mounts::{Mount, all_mounts, is_of_itself, mounts_below};
use crate::error::{Class, Context, Problem, Result};
use crate::model::Baseline;
use crate::wire::CleanWork;

use super::{kubelet, kubelet_arguments, pulling, registry_data, script};

/// Directories below which pods and the runtime mount.
const MOUNTED: [&str; 4] = ["/var/lib/kubelet", "/run/containerd", "/var/lib/containerd", "/run/flannel"];

/// The variables by which images say where else their runtime keeps its data.
const DATA: [&str; 2] = ["criData", "criDockerdData"];

/// What a runtime mounts below its data. Anything else there is somebody's disk, which stops the deletion.
const OF_A_RUNTIME: [&str; 5] = ["overlay", "tmpfs", "nsfs", "mqueue", "fuse.fuse-overlayfs"];

/// How long pods may take to stop.
const PODS_DEADLINE: Duration = Duration::from_mins(1);

pub(super) fn carry_out(work: &CleanWork, tell: Tell<'_>) -> Result<()> {
    let of_no_runtime = |mount: &Mount| !OF_A_RUNTIME.contains(&mount.kind.as_str());
    if let Some(mount) = somebodys_disk(work)?.into_iter().find(of_no_runtime) {
        return Err(still_mounted(&mount));
    }
    let marker = ownership::record_leaving(&work.cluster)?;
    // From here on no receipt is true any more.
    receipts::withdraw_all()?;
    // Nor is what a change has put aside of any use.
    crate::distribute::remove::remove_tree(Path::new(paths::ASIDE))?;
    units::disable_and_stop("kubelet.service", tell)?;
    remove_pods(work, tell);
    for mount in mounts(work, &marker.before)? {
        tell(&format!("unmounting {}", mount.point.display()));
        unmount(&mount)?;
    }
    namespaces::remove_names()?;
    reset(work, tell);
    kubelet_arguments::remove()?;
    run_scripts(work, &marker.before, tell)?;
    family_paths::unlink(&work.cluster)?;
    pulling::forget(tell);
    care::remove(work.vip, tell)?;
    hosts::clear()?;
    leftovers::remove_all(&marker.before, runtimes::made_by(&work.cri_socket), tell)
}

/// Asks the runtime to stop and remove every pod. What cannot be removed this way is unmounted next.
fn remove_pods(work: &CleanWork, tell: Tell<'_>) {
    let socket = Path::new(&work.cri_socket);
    let crictl = paths::rootfs(&work.cluster).join("bin/crictl");
    if !socket.exists() || !crictl.exists() {
        return;
    }
    let endpoint = format!("unix://{}", work.cri_socket);
    let crictl = crictl.to_string_lossy();
    let began = Instant::now();
    let arguments = ["--runtime-endpoint", &endpoint, "--timeout", "50s", "rmp", "--force", "--all"];
    while let Err(problem) = Command::new(&crictl, arguments).run(tell) {
        if began.elapsed() > PODS_DEADLINE {
            tell(&format!("some pods do not go: {problem}"));
            return;
        }
    }
}

/// Returns what pods and the runtime have mounted, the deepest first. The directories themselves may be somebody's disks.
fn mounts(work: &CleanWork, before: &Baseline) -> Result<Vec<Mount>> {
    let mut mounts = namespaces::mounts()?;
    // Another engine than the cluster's may have been here before.
    let runtimes = runtimes::made_by(&work.cri_socket).lacking(before);
    for directory in MOUNTED.into_iter().chain(runtimes).map(Path::new).collect::<BTreeSet<_>>() {
        mounts.extend(mounts_below(directory)?.into_iter().filter(|mount| mount.point != directory));
    }
    for directory in data_directories(work) {
        let of_runtime =
            |mount: &Mount| mount.point != directory && OF_A_RUNTIME.contains(&mount.kind.as_str());
        mounts.extend(mounts_below(directory)?.into_iter().filter(of_runtime));
    }
    Ok(mounts)
}

/// Where the runtime keeps its data, as far as all below it is not known to be its own.
fn data_directories(work: &CleanWork) -> BTreeSet<&Path> {
    let named =
        work.scripts.iter().flat_map(|script| DATA.iter().filter_map(|name| script.environment.get(*name)));
    named.map(Path::new).filter(|path| !MOUNTED.map(Path::new).contains(path)).collect()
}

/// Returns what would be deleted together with the runtime's data although it is no directory of the same disk.
fn somebodys_disk(work: &CleanWork) -> Result<Vec<Mount>> {
    let all = all_mounts()?;
    let mut disks = vec![];
    for directory in data_directories(work) {
        // The directory may be a disk itself, also one that a link leads to.
        let itself = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let is_a_disk = |mount: &Mount| mount.point != itself && !is_of_itself(mount, &all);
        disks.extend(mounts_below(directory)?.into_iter().filter(is_a_disk));
    }
    Ok(disks)
}

fn still_mounted(mount: &Mount) -> Problem {
    Problem::new(Class::Machine, format!("{} is still mounted, so nothing is deleted", mount.point.display()))
        .saw(format!("{} from {}", mount.kind, mount.source))
        .remedy("unmount it, then run the same command again")
}

fn unmount(mount: &Mount) -> Result<()> {
    let unmounted = match rustix::mount::unmount(&mount.point, rustix::mount::UnmountFlags::NOFOLLOW) {
        // It went with another mount that shares its events; whether all are gone is looked at once more later.
        Err(Errno::INVAL) => Ok(()),
        other => other,
    };
    unmounted.map_err(|error| {
        Problem::new(
            Class::Machine,
            format!("{} cannot be unmounted, so nothing is deleted", mount.point.display()),
        )
        .saw(error)
        .saw(format!("{} from {}", mount.kind, mount.source))
        .remedy("end what uses it (fuser -vm shows that), then run the same command again")
    })
}

/// kubeadm's reset, if there is a kubeadm and anything for it to reset.
fn reset(work: &CleanWork, tell: Tell<'_>) {
    if !Path::new("/etc/kubernetes").exists() && !Path::new("/var/lib/kubelet").exists() {
        return;
    }
    if Command::new("kubeadm", ["version"]).succeeds() {
        let socket = Path::new(&work.cri_socket).exists().then_some(work.cri_socket.as_str());
        if let Err(problem) = kubelet::reset(socket, tell) {
            // It may have nothing to talk to any more; what it would have done is looked at and done below.
            tell(&problem.to_string());
        }
    }
}

fn run_scripts(work: &CleanWork, before: &Baseline, tell: Tell<'_>) -> Result<()> {
    let rootfs = paths::rootfs(&work.cluster);
    if !rootfs.join("scripts").is_dir() {
        return Ok(());
    }
    // The image's scripts delete the runtime's and kubelet's directories without looking.
    if let Some(mount) = mounts(work, before)?.into_iter().chain(somebodys_disk(work)?).next() {
        return Err(still_mounted(&mount));
    }
    for command in &work.scripts {
        script::run(&rootfs, command, tell)?;
    }
    work.scripts.iter().try_for_each(|script| registry_data::unlink(&registry_data::path(script), &rootfs))
}

/// Removes the last of us: data, marker, agent. Called when nothing else is left to do.
pub(in crate::agent) fn leave(cluster: &str, epoch: u64) -> Result<()> {
    let _gate = fence::admit(&paths::Grounds::here(), epoch)?;
    ownership::require(cluster)?;
    // The layers before the marker: a machine that was cut off here still knows whose it is.
    empty_but_for(Path::new(paths::HOME), Path::new(paths::MARKER))?;
    crate::distribute::remove::remove_tree(Path::new(paths::AGENTS))?;
    let grounds = paths::Grounds::here();
    empty_but_for(&grounds.run, &grounds.gate())?;
    crate::fsx::remove_if_exists(&grounds.marker)?;
    // The gate after the marker: nobody may come through it meanwhile and write another marker.
    fence::take_away(&grounds)?;
    if crate::distribute::mounts::all_mounts()?.iter().any(|mount| mount.point == Path::new(paths::HOME)) {
        return Ok(());
    }
    crate::distribute::remove::remove_tree(Path::new(paths::HOME)).map(drop)
}

/// Deletes all that is in a directory of ours, except for one file.
fn empty_but_for(directory: &Path, kept: &Path) -> Result<()> {
    let listed = || format!("cannot list {}", directory.display());
    let entries = std::fs::read_dir(directory).problem_with(Class::Machine, listed)?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path != kept) {
        if path.is_dir() {
            crate::distribute::remove::remove_tree(&path)?;
        } else {
            crate::fsx::remove_if_exists(&path)?;
        }
    }
    Ok(())
}
