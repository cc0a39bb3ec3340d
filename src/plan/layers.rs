//! Which layers a machine needs: pure.

use std::collections::BTreeSet;

use crate::model::{ImageContract, ImageKind, LayerContent, LayerInfo, Role};

/// What a machine does, as far as it matters for what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Runs workloads.
    Worker,
    /// Runs a control plane and, with it, a registry.
    ControlPlane,
    /// The control plane that also runs applications' commands.
    CommandingControlPlane,
}

impl Duty {
    /// Returns the duty of a machine of `role` that does not run commands.
    pub fn of(role: Role) -> Self {
        match role {
            Role::ControlPlane => Self::ControlPlane,
            Role::Worker => Self::Worker,
        }
    }

    /// Tells whether a machine with this duty uses a layer of an image.
    fn uses(self, kind: ImageKind, content: LayerContent) -> bool {
        let has_registry = self != Self::Worker;
        match (content, kind) {
            (LayerContent::Files | LayerContent::Everything, ImageKind::Rootfs | ImageKind::Patch) => true,
            (LayerContent::Files, ImageKind::Application) => self == Self::CommandingControlPlane,
            // Every registry has to have what such layers bring for it.
            (LayerContent::Registry, _) | (LayerContent::Everything, ImageKind::Application) => has_registry,
        }
    }
}

/// Returns the layers a machine's tree of this image is made of, the lowest first.
pub fn layers_of(image: &ImageContract, duty: Duty) -> Vec<&LayerInfo> {
    image.layers.iter().filter(|layer| duty.uses(image.kind, layer.content)).collect()
}

/// Returns the layers an image's own files are in.
pub(super) fn files_of(image: &ImageContract) -> impl Iterator<Item = &LayerInfo> {
    image.layers.iter().filter(|layer| layer.content != LayerContent::Registry)
}

/// Returns the application layers whose images a machine's registry must have besides its own tree's.
pub fn registry_layers(images: &[ImageContract], duty: Duty) -> Vec<&LayerInfo> {
    let applications = images.iter().filter(|image| image.kind == ImageKind::Application);
    let layers = applications.flat_map(|image| layers_of(image, duty));
    layers.filter(|layer| duty != Duty::Worker && layer.content != LayerContent::Files).collect()
}

/// Returns the layers a machine needs of all `images` together, each once, in the order of their first use.
pub fn layers_for<'a>(images: impl IntoIterator<Item = &'a ImageContract>, duty: Duty) -> Vec<&'a LayerInfo> {
    let mut seen = BTreeSet::new();
    images
        .into_iter()
        .flat_map(|image| layers_of(image, duty))
        .filter(|layer| seen.insert(&layer.diff_id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::model::{Compression, Digest};

    fn layer(name: &str, content: LayerContent) -> LayerInfo {
        LayerInfo {
            digest: Digest::of(format!("{name}.gz")),
            diff_id: Digest::of(name),
            size: 1,
            unpacked_size: 1,
            files: 1,
            compression: Compression::Gzip,
            content,
        }
    }

    fn image(kind: ImageKind, name: &str) -> ImageContract {
        let layers = [LayerContent::Files, LayerContent::Registry, LayerContent::Everything]
            .map(|content| layer(&format!("{name} {content:?}"), content));
        ImageContract { layers: layers.to_vec(), ..testing::image(name, kind) }
    }

    #[test]
    fn every_duty_needs_what_it_uses() {
        use Duty::{CommandingControlPlane, ControlPlane, Worker};
        use LayerContent::{Everything, Files, Registry};
        for (kind, duty, expected) in [
            (ImageKind::Rootfs, Worker, vec![Files, Everything]),
            (ImageKind::Rootfs, ControlPlane, vec![Files, Registry, Everything]),
            (ImageKind::Rootfs, CommandingControlPlane, vec![Files, Registry, Everything]),
            (ImageKind::Patch, Worker, vec![Files, Everything]),
            (ImageKind::Patch, ControlPlane, vec![Files, Registry, Everything]),
            (ImageKind::Patch, CommandingControlPlane, vec![Files, Registry, Everything]),
            (ImageKind::Application, Worker, vec![]),
            (ImageKind::Application, ControlPlane, vec![Registry, Everything]),
            (ImageKind::Application, CommandingControlPlane, vec![Files, Registry, Everything]),
        ] {
            let image = image(kind, "image");
            let contents: Vec<_> = layers_of(&image, duty).iter().map(|layer| layer.content).collect();
            assert_eq!(contents, expected, "{kind:?} on {duty:?}");
        }
    }

    #[test]
    fn a_layer_of_two_images_is_sent_once() {
        let rootfs = image(ImageKind::Rootfs, "kubernetes");
        let mut application = image(ImageKind::Application, "calico");
        application.layers.insert(0, rootfs.layers[0].clone());
        application.layers.push(application.layers[1].clone());
        let images = [rootfs.clone(), application];
        let names =
            |duty| layers_for(&images, duty).iter().map(|layer| layer.diff_id.clone()).collect::<Vec<_>>();
        let ids = |names: &[&str]| names.iter().map(Digest::of).collect::<Vec<_>>();
        assert_eq!(names(Duty::Worker), ids(&["kubernetes Files", "kubernetes Everything"]));
        assert_eq!(
            names(Duty::CommandingControlPlane),
            ids(&[
                "kubernetes Files",
                "kubernetes Registry",
                "kubernetes Everything",
                "calico Files",
                "calico Registry",
                "calico Everything",
            ])
        );
    }
}
