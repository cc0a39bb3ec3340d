//! Which Configs change the files of which tree, and what that means for the steps that use them.

use super::desired::Desired;
use crate::model::{Config, ImageContract, ImageKind};

/// kubeadm's own file, which reaches machines as part of what kubeadm is told.
const KUBEADM: [&str; 2] = ["etc/kubeadm.yml", "etc/kubeadm.yml.tmpl"];

/// Returns the Configs for the tree that the rootfs image and all patches make: the images' own, then the operator's.
pub fn configs_of_rootfs(desired: &Desired) -> Vec<Config> {
    let own = desired.base_images().flat_map(|image| &image.configs);
    let names: Vec<&str> = desired.base_images().map(|image| image.name.as_str()).collect();
    let operators = desired.cluster.configs.iter();
    let operators = operators.filter(|config| config.trees.iter().any(|tree| names.contains(&tree.as_str())));
    own.chain(operators).cloned().collect()
}

/// Returns the Configs for an application's tree: its own, then the operator's.
pub fn configs_of_application(desired: &Desired, image: &ImageContract) -> Vec<Config> {
    let operators = desired.cluster.configs.iter().filter(|config| config.trees.contains(&image.name));
    image.configs.iter().chain(operators).cloned().collect()
}

/// Returns those Configs of the rootfs whose files its scripts use: what kubeadm is told of is no business of theirs.
pub(super) fn configs_of_scripts(desired: &Desired) -> Vec<Config> {
    let mut configs = configs_of_rootfs(desired);
    configs.retain(|config| !KUBEADM.contains(&config.path.as_str()));
    configs
}

/// Returns the image that stands for the tree an image's files are in.
pub fn tree_of<'a>(desired_images: &'a [ImageContract], image: &'a ImageContract) -> &'a str {
    let rootfs = desired_images.iter().find(|image| image.kind == ImageKind::Rootfs);
    match image.kind {
        ImageKind::Application => &image.name,
        ImageKind::Rootfs | ImageKind::Patch => rootfs.map_or(&image.name, |rootfs| &rootfs.name),
    }
}
