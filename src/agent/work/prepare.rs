//! The image's `init`: container runtime and kubelet; and meanwhile the images that are asked for first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::agent::command::{Command, Tell};
use crate::agent::{paths, receipts};
use crate::error::Result;
use crate::wire::{FetchAhead, Postcondition, PrepareWork};

use super::{init_scripts, pulling, script};

/// How often it is looked whether the runtime answers.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) fn carry_out(work: &PrepareWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("prepare")?;
    let rootfs = paths::rootfs(&work.cluster);
    // Before the scripts: the runtime looks there at every pull, and the first comes as soon as it answers.
    work.pulling.iter().try_for_each(pulling::place)?;
    let fetcher = Fetcher::new(work, &rootfs);
    let ended = AtomicBool::new(false);
    let fetched = std::thread::scope(|scope| {
        // The runtime answers long before the script has put everything else in place.
        let fetching = scope.spawn(|| fetcher.once_it_answers(&ended));
        let ran = init_scripts::run(&rootfs, &work.scripts, tell);
        ended.store(true, Ordering::Relaxed);
        let left = fetching.join().unwrap_or_default();
        ran.map(|()| left)
    });
    let left = fetched?;
    script::check(&work.postconditions, &work.cri_socket)?;
    // What did not come then may come now that all is set up.
    for problem in fetcher.fetch(&left).into_iter().map(|(_, problem)| problem) {
        tell(&format!("not fetched ahead: {problem}"));
    }
    if let Some(image) = &work.sandbox_image {
        script::check(&[Postcondition::Image(image.clone())], &work.cri_socket)?;
    }
    receipts::write("prepare", &work.receipt)
}

/// Fetches images ahead. kubeadm and kubelet fetch what is missing, so a failure here only costs time.
struct Fetcher<'a> {
    work: &'a PrepareWork,
    rootfs: &'a Path,
}

impl<'a> Fetcher<'a> {
    fn new(work: &'a PrepareWork, rootfs: &'a Path) -> Self {
        Self { work, rootfs }
    }

    /// Fetches as soon as the runtime answers, or once `ended`. Returns what is still to come.
    fn once_it_answers(&self, ended: &AtomicBool) -> Vec<String> {
        let images = self.images();
        while std::os::unix::net::UnixStream::connect(self.work.fetch_socket()).is_err() {
            if ended.load(Ordering::Relaxed) {
                return images;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.fetch(&images).into_iter().map(|(image, _)| image).collect()
    }

    fn images(&self) -> Vec<String> {
        let mut images = self.of_kubernetes();
        images.extend(self.work.sandbox_image.clone());
        images
    }

    fn of_kubernetes(&self) -> Vec<String> {
        match &self.work.images {
            FetchAhead::Named(images) => images.clone(),
            FetchAhead::OfControlPlane { version } => {
                let version = format!("--kubernetes-version={version}");
                let listed = Command::new(&self.program("kubeadm"), ["config", "images", "list", &version]);
                listed.output().unwrap_or_default().lines().map(str::to_owned).collect()
            }
        }
    }

    /// Fetches images side by side and returns those that did not come, and why.
    fn fetch(&self, images: &[String]) -> Vec<(String, crate::error::Problem)> {
        let runtime = format!("unix://{}", self.work.cri_socket);
        let through = format!("unix://{}", self.work.fetch_socket());
        let crictl = self.program("crictl");
        std::thread::scope(|scope| {
            let pulls: Vec<_> = images
                .iter()
                .map(|image| {
                    let arguments =
                        ["--runtime-endpoint", &runtime, "--image-endpoint", &through, "pull", image];
                    let command = Command::new(&crictl, arguments);
                    scope.spawn(move || command.output().err().map(|problem| (image.clone(), problem)))
                })
                .collect();
            pulls.into_iter().filter_map(|pull| pull.join().ok().flatten()).collect()
        })
    }

    /// Returns where a program of the image is: the script may not have installed it yet.
    fn program(&self, name: &str) -> String {
        let in_image: PathBuf = self.rootfs.join("bin").join(name);
        if in_image.exists() { in_image.to_string_lossy().into_owned() } else { name.to_owned() }
    }
}
