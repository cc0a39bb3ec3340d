//! An image of the store as the cluster sees it.

use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::{Class, Context as _, Problem, Result};
use crate::image::{ClusterImage, Image, Script, Store};
use crate::model::{Arch, ImageContract, ImageKind, LayerContent, Scripts};
use crate::plan::IMAGE_SOCKET;

/// The image's own configuration of kubeadm.
const KUBEADM: &str = "etc/kubeadm.yml";

/// The image's shim, and where it listens in images that do not say.
const SHIM: &str = "cri/image-cri-shim";
const SHIM_SOCKET: &str = "/var/run/image-cri-shim.sock";

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
    let found = match meaning.kind {
        ImageKind::Rootfs | ImageKind::Patch => look_through(store, &image)?,
        ImageKind::Application => Found::default(),
    };
    let mut environment = meaning.environment.clone();
    if found.shim {
        environment.entry(IMAGE_SOCKET.to_owned()).or_insert_with(|| SHIM_SOCKET.to_owned());
    }
    Ok(ImageContract {
        name: name.to_owned(),
        manifest: image.manifest.clone(),
        arch: image.arch,
        kind: meaning.kind,
        version: meaning.kubernetes_version.clone(),
        environment,
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
        kubeadm: found.kubeadm,
    })
}

/// How the label begins by which an image of the family says which pod network it brings.
const POD_NETWORK_LABEL: &str = "cluster.alpha.sealer.io/kube-cni-";

fn pod_networks(image: &Image) -> Vec<String> {
    let labels = image.config.labels.iter().filter(|(_, value)| *value == "true");
    labels.filter_map(|(name, _)| name.strip_prefix(POD_NETWORK_LABEL)).map(str::to_owned).collect()
}

/// The label by which sealos's rootfs images name lvscare.
const LOAD_BALANCER_LABEL: &str = "image";

/// What an image's files say.
#[derive(Default)]
struct Found {
    kubeadm: Option<String>,
    shim: bool,
}

/// Looks through the layers, the topmost first, until all is found. Layers of registry content cannot hold any of it.
fn look_through(store: &Store, image: &Image) -> Result<Found> {
    let mut found = Found::default();
    // Images that say where their shim listens need not be looked through for it, nor those that are not sealos's: they name no
    // load balancer.
    let may_have_shim =
        !image.config.env.contains_key(IMAGE_SOCKET) && image.config.labels.contains_key(LOAD_BALANCER_LABEL);
    for layer in image.layers.iter().rev().filter(|layer| layer.content != LayerContent::Registry) {
        let blob = store.read_blob(&layer.digest)?;
        let unreadable = || format!("a layer of {} cannot be read", image.name);
        let content =
            layer.compression.decode(BufReader::new(blob)).problem_with(Class::Config, unreadable)?;
        let mut archive = tar::Archive::new(content);
        for entry in archive.entries().problem_with(Class::Config, unreadable)? {
            if found.kubeadm.is_some() && (found.shim || !may_have_shim) {
                return Ok(found);
            }
            let entry = entry.problem_with(Class::Config, unreadable)?;
            let path = entry.path().problem_with(Class::Config, unreadable)?.into_owned();
            let path = path.strip_prefix(".").unwrap_or(&path);
            if path == Path::new(SHIM) {
                found.shim = true;
            } else if path == Path::new(KUBEADM) && found.kubeadm.is_none() {
                found.kubeadm = Some(text(entry).map_err(|error| {
                    Problem::new(Class::Config, format!("{KUBEADM} of {} is not text", image.name)).saw(error)
                })?);
            }
        }
    }
    Ok(found)
}

fn text(entry: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    entry.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}
