//! An image of the store as the cluster sees it.

use crate::clusterfile;
use crate::configs::{self, File, Tree};
use crate::error::{Class, Problem, Result};
use crate::image::{ClusterImage, Image, ImageReference, Rendering, Script, Store};
use crate::model::{Arch, Bundle, Config, ImageContract, ImageKind, Scripts};
use crate::plan::IMAGE_SOCKET;

/// The image's own configuration of kubeadm.
const KUBEADM: &str = "etc/kubeadm.yml";

/// The image's shim, and where it listens in images that do not say.
const SHIM: &str = "cri/image-cri-shim";
const SHIM_SOCKET: &str = "/var/run/image-cri-shim.sock";

/// The Configs that an image brings itself.
const CONFIGS: &str = "config.yml";

/// Reads what the image of this name promises. `arch` is that of the machines.
pub(super) fn read(store: &Store, name: &str, arch: Arch) -> Result<ImageContract> {
    let image = store.resolve(name, arch)?;
    let meaning = ClusterImage::of(&image)?;
    let text = |script: Script| {
        let text = match meaning.kind {
            ImageKind::Rootfs => meaning.scripts.command(script),
            ImageKind::Patch | ImageKind::Application => meaning.scripts.named(script),
        };
        text.unwrap_or_default().to_owned()
    };
    let labelled = |script: Script| meaning.scripts.named(script).map(str::to_owned);
    // What is missing is told: an image that is read without some of its layers would promise less than it holds.
    image.layers.iter().try_for_each(|layer| store.open_blob(&layer.digest).map(drop))?;
    let files = store.files(&image.layers.iter().collect::<Vec<_>>())?.unwrap_or_default();
    let kubeadm = match (meaning.kind, files.get(KUBEADM)) {
        (ImageKind::Rootfs | ImageKind::Patch, Some(File::Text(text))) => Some(text.clone()),
        (ImageKind::Rootfs | ImageKind::Patch, Some(File::Other(why))) => {
            return Err(Problem::new(
                Class::Config,
                format!("{KUBEADM} of {name} cannot be read: it is {why}"),
            ));
        }
        _ => None,
    };
    let mut own = own_configs(&image, &files)?;
    if meaning.rendering == Rendering::Replaces {
        own.splice(..0, configs::giving_way_to_templates(&files));
    }
    let mut environment = meaning.environment.clone();
    if may_have_shim(meaning.kind, &image) && files.contains_key(SHIM) {
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
        scripts_are_named: true,
        entrypoint_commands: meaning.entrypoint_commands,
        layers: image.layers.clone(),
        pod_networks: pod_networks(&image),
        kubeadm,
        configs: own,
        bundle: meaning.bundle,
    })
}

/// Returns a contract that was kept by a version which knew no applications within images, as the image says it now, when one of
/// these is in it.
///
/// Where none is asked for, it stays as it was: the variables of applications would have machines prepared again.
pub(super) fn with_bundle(before: &ImageContract, image: &Image, wanted: &[&str]) -> Result<ImageContract> {
    let mut contract = before.clone();
    if before.bundle.is_empty() && !wanted.is_empty() {
        let meaning = ClusterImage::of(image)?;
        if wanted.iter().any(|name| meaning.bundle.has(name)) {
            contract.environment.extend(meaning.environment);
            contract.bundle = meaning.bundle;
        }
    }
    Ok(contract)
}

/// Returns what an image launches that a former version kept without it; `None` if nothing is missing.
pub(super) fn passed_over(image: &Image, kept: &ImageContract) -> Option<Bundle> {
    if image.manifest != kept.manifest || !kept.bundle.is_empty() {
        return None;
    }
    let bundle = ClusterImage::of(image).ok()?.bundle;
    (!bundle.commands(None).is_empty()).then_some(bundle)
}

/// How the label begins by which an image of the family says which pod network it brings.
const POD_NETWORK_LABEL: &str = "cluster.alpha.sealer.io/kube-cni-";

fn pod_networks(image: &Image) -> Vec<String> {
    let labels = image.config.labels.iter().filter(|(_, value)| *value == "true");
    labels.filter_map(|(name, _)| name.strip_prefix(POD_NETWORK_LABEL)).map(str::to_owned).collect()
}

/// The label by which sealos's rootfs images name lvscare.
const LOAD_BALANCER_LABEL: &str = "image";

/// Images that are not sealos's name no load balancer, and have no shim.
fn may_have_shim(kind: ImageKind, image: &Image) -> bool {
    kind != ImageKind::Application && image.config.labels.contains_key(LOAD_BALANCER_LABEL)
}

/// Reads the Configs that an image brings for its own files. A file of that name which holds none is something else.
fn own_configs(image: &Image, files: &Tree) -> Result<Vec<Config>> {
    let Some(File::Text(text)) = files.get(CONFIGS) else { return Ok(vec![]) };
    if !text.lines().any(|line| line.trim_end() == "kind: Config") {
        return Ok(vec![]);
    }
    let name = format!("{CONFIGS} of {}", image.name);
    let configs = clusterfile::configs(&name, text.as_bytes()).map_err(|problems| problems.as_one())?;
    let own = |config: &Config| config.image.as_ref().is_none_or(|named| is_same_image(named, &image.name));
    Ok(configs.into_iter().map(|placed| placed.config).filter(own).collect())
}

/// Tells whether two names are of one image, however much of them is written out.
pub(super) fn is_same_image(one: &str, other: &str) -> bool {
    let whole =
        |name: &str| name.parse::<ImageReference>().map_or_else(|_| name.to_owned(), |name| name.to_string());
    one == other || whole(one) == whole(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageConfig;
    use crate::model::Environment;
    use crate::ops::files::tests::image;

    /// An image of sealer's that launches `web`, and what a version kept of it that knew no applications within images.
    fn before_bundles() -> (Image, ImageContract) {
        let extension = r#"{"type": "app-installer", "launch": {"app_names": ["web"]},
            "applications": [{"name": "web", "type": "kube", "files": ["a.yaml"], "env": {"SIZE": "1"}}]}"#;
        let annotations = [("sealer.image.extension".to_owned(), extension.to_owned())].into_iter().collect();
        let kept = image("base:v1", ImageKind::Application, vec![]);
        let stored = Image {
            name: kept.name.clone(),
            manifest: kept.manifest.clone(),
            config: ImageConfig { annotations, ..ImageConfig::default() },
            layers: vec![],
            arch: kept.arch,
        };
        (stored, kept)
    }

    #[test]
    fn what_a_former_version_kept_learns_of_applications_when_they_are_asked_for() {
        let (stored, kept) = before_bundles();
        assert_eq!(with_bundle(&kept, &stored, &["hello"]).unwrap(), kept);
        let learnt = with_bundle(&kept, &stored, &["hello", "web"]).unwrap();
        assert!(learnt.bundle.has("web"));
        assert_eq!(learnt.environment, Environment::from([("SIZE".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn what_a_former_version_passed_over_is_known() {
        let (stored, kept) = before_bundles();
        assert!(passed_over(&stored, &kept).is_some_and(|bundle| bundle.has("web")));
        let learnt = with_bundle(&kept, &stored, &["web"]).unwrap();
        assert!(passed_over(&stored, &learnt).is_none());
        let other = Image { manifest: crate::model::Digest::of("another"), ..stored };
        assert!(passed_over(&other, &kept).is_none(), "it is not what the cluster has");
    }
}
