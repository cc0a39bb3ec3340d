//! Which layers a machine needs: pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::distribute::layer::{Content, LayerDescriptor};
use crate::model::Role;

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Holds Kubernetes itself; every machine runs its scripts.
    Rootfs,
    /// Changes files of the rootfs; every machine needs it too.
    Patch,
    /// Is installed into a cluster by commands on one control plane.
    Application,
}

/// An image for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayers {
    /// What it is for.
    pub purpose: Purpose,
    /// Its layers, the lowest first.
    pub layers: Vec<LayerDescriptor>,
}

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

    /// Says whether a machine with this duty uses a layer of an image.
    fn uses(self, purpose: Purpose, content: Content) -> bool {
        let has_registry = self != Self::Worker;
        match (content, purpose) {
            (Content::Registry, _) => has_registry,
            (Content::Files | Content::Everything, Purpose::Rootfs | Purpose::Patch) => true,
            (Content::Files, Purpose::Application) => self == Self::CommandingControlPlane,
            // Every registry has to have what such a layer brings for it.
            (Content::Everything, Purpose::Application) => has_registry,
        }
    }
}

/// Returns the layers a machine's tree of this image is made of, the lowest first.
pub fn layers_of(image: &ImageLayers, duty: Duty) -> Vec<&LayerDescriptor> {
    image.layers.iter().filter(|layer| duty.uses(image.purpose, layer.content)).collect()
}

/// Returns the layers a machine needs of all `images` together, each once, in the order of their first use.
pub fn layers_for(images: &[ImageLayers], duty: Duty) -> Vec<&LayerDescriptor> {
    let mut seen = BTreeSet::new();
    images
        .iter()
        .flat_map(|image| layers_of(image, duty))
        .filter(|layer| seen.insert(&layer.diff_id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribute::layer::Compression;
    use crate::model::Digest;

    fn layer(name: &str, content: Content) -> LayerDescriptor {
        LayerDescriptor {
            digest: Digest::of(format!("{name}.gz")),
            diff_id: Digest::of(name),
            size: 1,
            unpacked_size: 1,
            files: 1,
            compression: Compression::Gzip,
            content,
        }
    }

    fn image(purpose: Purpose, name: &str) -> ImageLayers {
        let layers = [Content::Files, Content::Registry, Content::Everything]
            .map(|content| layer(&format!("{name} {content:?}"), content));
        ImageLayers { purpose, layers: layers.to_vec() }
    }

    #[test]
    fn every_duty_needs_what_it_uses() {
        use Content::{Everything, Files, Registry};
        use Duty::{CommandingControlPlane, ControlPlane, Worker};
        for (purpose, duty, expected) in [
            (Purpose::Rootfs, Worker, vec![Files, Everything]),
            (Purpose::Rootfs, ControlPlane, vec![Files, Registry, Everything]),
            (Purpose::Rootfs, CommandingControlPlane, vec![Files, Registry, Everything]),
            (Purpose::Patch, Worker, vec![Files, Everything]),
            (Purpose::Patch, ControlPlane, vec![Files, Registry, Everything]),
            (Purpose::Patch, CommandingControlPlane, vec![Files, Registry, Everything]),
            (Purpose::Application, Worker, vec![]),
            (Purpose::Application, ControlPlane, vec![Registry, Everything]),
            (Purpose::Application, CommandingControlPlane, vec![Files, Registry, Everything]),
        ] {
            let image = image(purpose, "image");
            let contents: Vec<_> = layers_of(&image, duty).iter().map(|layer| layer.content).collect();
            assert_eq!(contents, expected, "{purpose:?} on {duty:?}");
        }
    }

    #[test]
    fn a_layer_of_two_images_is_sent_once() {
        let rootfs = image(Purpose::Rootfs, "kubernetes");
        let mut application = image(Purpose::Application, "calico");
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
