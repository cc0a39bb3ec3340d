//! The image's `init`: container runtime and kubelet, and the images that kubelet will ask for first.

use crate::agent::command::{Command, Tell};
use crate::agent::{paths, receipts};
use crate::error::Result;
use crate::wire::PrepareWork;

use super::script;

pub(super) fn carry_out(work: &PrepareWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("prepare")?;
    let rootfs = paths::rootfs(&work.cluster);
    for command in &work.scripts {
        script::run(&rootfs, command, tell)?;
    }
    script::check(&work.postconditions)?;
    fetch(work, tell);
    receipts::write("prepare", &work.receipt)
}

/// Fetches images side by side. kubeadm and kubelet fetch what is missing, so a failure here only costs time.
fn fetch(work: &PrepareWork, tell: Tell<'_>) {
    let endpoint = format!("unix://{}", work.cri_socket);
    let failures: Vec<_> = std::thread::scope(|scope| {
        let pulls: Vec<_> = work
            .images
            .iter()
            .map(|image| {
                let arguments =
                    ["--runtime-endpoint", &endpoint, "--image-endpoint", &endpoint, "pull", image];
                let command = Command::new("crictl", arguments);
                scope.spawn(move || command.output().err())
            })
            .collect();
        pulls.into_iter().filter_map(|pull| pull.join().ok().flatten()).collect()
    });
    for problem in failures {
        tell(&format!("not fetched ahead: {problem}"));
    }
}
