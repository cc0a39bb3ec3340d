//! An image of the store as the cluster sees it.

use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::{Class, Context as _, Problem, Result};
use crate::image::{ClusterImage, Image, Script, Store};
use crate::model::{Arch, ImageContract, ImageKind, LayerContent, Scripts};

/// The image's own configuration of kubeadm.
const KUBEADM: &str = "etc/kubeadm.yml";

/// The largest kubeadm.yml that is read, bytes.
const LARGEST: u64 = 1024 * 1024;

/// Reads what the image of this name promises. `arch` is that of the machines.
pub(super) fn read(store: &Store, name: &str, arch: Arch) -> Result<ImageContract> {
    let image = store.resolve(name, arch)?;
    let meaning = ClusterImage::of(&image)?;
    let text = |script: Script| {
        meaning.scripts.command(script).map_or_else(|| format!("{}.sh", script.label()), str::to_owned)
    };
    let labelled = |script: Script| meaning.scripts.command(script).map(str::to_owned);
    let kubeadm = match meaning.kind {
        ImageKind::Rootfs | ImageKind::Patch => kubeadm_file(store, &image)?,
        ImageKind::Application => None,
    };
    Ok(ImageContract {
        name: name.to_owned(),
        manifest: image.manifest.clone(),
        arch: image.arch,
        kind: meaning.kind,
        version: meaning.kubernetes_version.clone(),
        environment: meaning.environment.clone(),
        scripts: Scripts {
            init: text(Script::Init),
            clean: text(Script::Clean),
            check: text(Script::Check),
            init_registry: text(Script::InitRegistry),
            clean_registry: text(Script::CleanRegistry),
            init_cri: labelled(Script::InitCri),
            clean_cri: labelled(Script::CleanCri),
        },
        vip: meaning.vip,
        commands: meaning.commands.clone(),
        layers: image.layers.clone(),
        pod_networks: pod_networks(&image),
        kubeadm,
    })
}

/// How the label begins by which an image of the family says which pod network it brings.
const POD_NETWORK_LABEL: &str = "cluster.alpha.sealer.io/kube-cni-";

fn pod_networks(image: &Image) -> Vec<String> {
    let labels = image.config.labels.iter().filter(|(_, value)| *value == "true");
    labels.filter_map(|(name, _)| name.strip_prefix(POD_NETWORK_LABEL)).map(str::to_owned).collect()
}

/// Finds etc/kubeadm.yml, the topmost layer first. Layers of registry content cannot hold it.
fn kubeadm_file(store: &Store, image: &Image) -> Result<Option<String>> {
    for layer in image.layers.iter().rev().filter(|layer| layer.content != LayerContent::Registry) {
        let blob = store.read_blob(&layer.digest)?;
        let unreadable = || format!("a layer of {} cannot be read", image.name);
        let content =
            layer.compression.decode(BufReader::new(blob)).problem_with(Class::Config, unreadable)?;
        let mut archive = tar::Archive::new(content);
        for entry in archive.entries().problem_with(Class::Config, unreadable)? {
            let entry = entry.problem_with(Class::Config, unreadable)?;
            let is_it =
                entry.path().is_ok_and(|path| path.strip_prefix(".").unwrap_or(&path) == Path::new(KUBEADM));
            if is_it {
                let mut text = String::new();
                entry.take(LARGEST).read_to_string(&mut text).map_err(|error| {
                    Problem::new(Class::Config, format!("{KUBEADM} of {} is not text", image.name)).saw(error)
                })?;
                return Ok(Some(text));
            }
        }
    }
    Ok(None)
}
