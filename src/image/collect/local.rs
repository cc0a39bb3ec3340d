//! Images that lie beside the Kubefile: OCI layouts and docker archives.

use std::fs;
use std::path::{Path, PathBuf};

use super::Found;
use crate::error::{Class, Context, Problem, Result};
use crate::image::ImageReference;
use crate::image::archive::{DockerArchive, Existing, Files, Layout};
use crate::image::store::Store;
use crate::model::Arch;

/// The layouts and archives of a context.
#[derive(Debug, Default)]
pub(crate) struct LocalFiles {
    any: Vec<Source>,
    /// Those of which all images are wanted.
    listed: Vec<Source>,
}

#[derive(Debug)]
enum Source {
    Layout(Layout),
    Docker(DockerArchive),
}

impl LocalFiles {
    /// Opens all layouts below `images/oci/`, archives below `images/docker/`, and `listed` archives.
    pub(crate) fn open(context: &Path, listed: &[PathBuf]) -> Result<Self> {
        let mut files = Self::default();
        for path in children(&context.join("images/oci"))? {
            files.any.extend(source(&path)?);
        }
        for path in children(&context.join("images/docker"))? {
            if path.extension().is_some_and(|extension| extension == "tar") {
                files.any.extend(source(&path)?);
            }
        }
        for path in listed {
            let path = context.join(path);
            let listed = source(&path).map_err(|problem| problem.saw("named in images/skopeo/tar.txt"))?;
            files.listed.push(listed.ok_or_else(|| {
                Problem::new(Class::Config, format!("{} holds no image", path.display()))
                    .saw("named in images/skopeo/tar.txt")
            })?);
        }
        Ok(files)
    }

    /// Finds an image by its name and brings it into the store.
    pub(crate) fn find(&self, store: &Store, wanted: &ImageReference, arch: Arch) -> Result<Option<Found>> {
        for source in self.any.iter().chain(&self.listed) {
            for (name, found) in source.images(store, arch, |name| name == wanted)? {
                if name == *wanted {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Brings all images of the listed archives into the store.
    pub(crate) fn listed_images(&self, store: &Store, arch: Arch) -> Result<Vec<(ImageReference, Found)>> {
        let mut images = Vec::new();
        for source in &self.listed {
            images.extend(source.images(store, arch, |_| true)?);
        }
        Ok(images)
    }
}

impl Source {
    /// Brings those images of the source into the store whose names are wanted.
    fn images(
        &self,
        store: &Store,
        arch: Arch,
        is_wanted: impl Fn(&ImageReference) -> bool,
    ) -> Result<Vec<(ImageReference, Found)>> {
        match self {
            Self::Layout(layout) => {
                let mut images = Vec::new();
                for (name, entry) in layout.entries() {
                    let Some(name) = name.filter(&is_wanted) else { continue };
                    let all = layout.images(entry)?;
                    if let Some((_, manifest)) = all.into_iter().find(|(other, _)| *other == arch) {
                        layout.import(store, &manifest, Existing::Keep)?;
                        images.push((name, Found { manifest, index: None }));
                    }
                }
                Ok(images)
            }
            Self::Docker(archive) => {
                let mut images = Vec::new();
                for image in archive.images() {
                    let names: Vec<ImageReference> = image.names().into_iter().filter(&is_wanted).collect();
                    if names.is_empty() || archive.arch(image)? != Some(arch) {
                        continue;
                    }
                    let manifest = archive.import(store, image)?;
                    let found = |name| (name, Found { manifest: manifest.clone(), index: None });
                    images.extend(names.into_iter().map(found));
                }
                Ok(images)
            }
        }
    }
}

/// Brings all images of a layout or archive for `arch` into the store; `None` when it is neither.
pub(super) fn all_of(path: &Path, store: &Store, arch: Arch) -> Result<Option<Vec<(ImageReference, Found)>>> {
    match source(path)? {
        Some(source) => source.images(store, arch, |_| true).map(Some),
        None => Ok(None),
    }
}

/// Opens a layout or archive; `None` when it is neither.
fn source(path: &Path) -> Result<Option<Source>> {
    let files = match Layout::of(Files::open(path)?)? {
        Ok(layout) => return Ok(Some(Source::Layout(layout))),
        Err(files) => files,
    };
    Ok(DockerArchive::of(files)?.ok().map(Source::Docker))
}

/// Returns what is in a directory, sorted; nothing when it is not there.
fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(vec![]);
    }
    let list = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut children =
        list().problem_with(Class::Config, || format!("cannot read {}", directory.display()))?;
    children.sort();
    Ok(children)
}
