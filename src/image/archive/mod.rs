//! Archives: an image in one file, to be carried by hand.
//!
//! `save` writes an OCI archive, the tar of an OCI image layout, the same bytes for the same images. `load` reads
//! OCI archives, OCI layout directories and docker archives.

mod docker;
mod files;
mod layout;
mod save;

use std::path::Path;

pub use save::{save, save_to};

pub(crate) use self::docker::DockerArchive;
pub(crate) use self::files::Files;
pub(crate) use self::layout::{Existing, Layout};
use super::ImageReference;
use super::store::{Image, Store};
use crate::error::{Class, Problem, Result};
use crate::model::Compression;

/// Loads the images of an archive or layout directory into the store and returns them.
///
/// `name` names an archive's only image, when it has no name or another one is wanted. A blob that the store has
/// already is written again, so that loading mends a corrupt one.
pub fn load(store: &Store, path: &Path, name: Option<&ImageReference>) -> Result<Vec<Image>> {
    let _hold = store.hold()?;
    let files = match Layout::of(Files::open(path)?)? {
        Ok(layout) => return load_layout(store, &layout, path, name),
        Err(files) => files,
    };
    match DockerArchive::of(files)? {
        Ok(archive) => load_docker(store, &archive, path, name),
        Err(_) => Err(Problem::new(Class::Config, format!("{} holds no image", path.display()))
            .saw("it has neither `oci-layout` with `index.json` nor `manifest.json`")
            .remedy("load what `sealift save`, `docker save` or `skopeo copy` wrote")),
    }
}

fn load_layout(
    store: &Store,
    layout: &Layout,
    path: &Path,
    name: Option<&ImageReference>,
) -> Result<Vec<Image>> {
    let entries: Vec<_> = layout.entries().collect();
    let mut loaded = Vec::new();
    for (own, entry) in &entries {
        let reference = chosen_name(own.as_ref(), name, entries.len(), path)?;
        let images = layout.images(entry)?;
        for (arch, descriptor) in &images {
            layout.import(store, descriptor, Existing::Replace)?;
            loaded.push(named(store, &reference, *arch, descriptor.clone())?);
        }
    }
    some(loaded, path)
}

fn load_docker(
    store: &Store,
    archive: &DockerArchive,
    path: &Path,
    name: Option<&ImageReference>,
) -> Result<Vec<Image>> {
    let mut loaded = Vec::new();
    for image in archive.images() {
        let Some(arch) = archive.arch(image)? else { continue };
        let own = image.names();
        let references = match name {
            None if !own.is_empty() => own,
            _ => vec![chosen_name(None, name, archive.images().len(), path)?],
        };
        let descriptor = archive.import(store, image)?;
        for reference in references {
            loaded.push(named(store, &reference, arch, descriptor.clone())?);
        }
    }
    some(loaded, path)
}

/// Names an image after its layers are known to be whole.
fn named(
    store: &Store,
    reference: &ImageReference,
    arch: crate::model::Arch,
    descriptor: super::document::Descriptor,
) -> Result<Image> {
    // Looking at foreign layers here shows a corrupt one before the image has a name.
    let (manifest, configuration) = store.documents(&descriptor.digest)?;
    for (layer, diff_id) in manifest.layers.iter().zip(&configuration.rootfs.diff_ids) {
        if let Some(compression) = Compression::of_media_type(&layer.media_type) {
            store.layer_facts(layer, diff_id, compression)?;
        }
    }
    store.name(reference, arch, descriptor)?;
    store.resolve(&reference.to_string(), arch)
}

fn chosen_name(
    own: Option<&ImageReference>,
    given: Option<&ImageReference>,
    images: usize,
    path: &Path,
) -> Result<ImageReference> {
    match (given, own) {
        (Some(_), _) if images > 1 => Err(Problem::new(
            Class::Usage,
            format!("{} holds {images} images, which cannot have one name", path.display()),
        )
        .remedy("load it without a name: each image keeps its own")),
        (Some(given), _) => Ok(given.clone()),
        (None, Some(own)) => Ok(own.clone()),
        (None, None) => {
            Err(Problem::new(Class::Usage, format!("an image in {} has no name", path.display()))
                .remedy("give it one"))
        }
    }
}

fn some(loaded: Vec<Image>, path: &Path) -> Result<Vec<Image>> {
    if loaded.is_empty() {
        return Err(Problem::new(
            Class::Config,
            format!("{} holds no image for Linux on amd64 or arm64", path.display()),
        ));
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests;
