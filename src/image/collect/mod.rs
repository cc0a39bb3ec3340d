//! Collecting: the images that a tree names are brought into its registry, from wherever they are.
//!
//! They are looked for in this order: the store, OCI layouts below `images/oci/` and docker archives below
//! `images/docker/` of the context, the local Docker engine, and the registry of their name.

mod credentials;
mod engine;
mod local;
mod names;
mod registry;
mod registry_tree;

use std::path::Path;

pub(crate) use self::names::{Wanted, wanted};
pub(crate) use self::registry::media_type;

use self::local::LocalFiles;
use super::ImageReference;
use super::build::{Entries, Tree};
use super::document::{Descriptor, INDEX};
use super::store::Store;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Arch, Digest};

/// Where images are looked for beside the store and the context.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The local Docker engine.
    pub engine: EngineSource,
    /// The registries of the images' names.
    pub registries: RegistrySource,
}

/// How the local Docker engine is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineSource {
    /// At `DOCKER_HOST`, or at its usual socket.
    #[default]
    Usual,
    /// At this socket's path.
    Socket(std::path::PathBuf),
    /// Not at all.
    Unused,
}

/// How registries are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RegistrySource {
    /// Those that the images' names name.
    #[default]
    Named,
    /// Not at all.
    Unused,
}

/// An image that is in the store now, on its way into a cluster's registry.
#[derive(Debug, Clone)]
pub(crate) struct Collected {
    /// The name it was wanted by.
    pub(crate) name: String,
    /// Its repository in the cluster's registry.
    pub(crate) repository: String,
    pub(crate) tag: Option<String>,
    /// The manifest for the architecture.
    pub(crate) manifest: Digest,
    /// The index that led there, when the name pins it by its digest.
    pub(crate) index: Option<Digest>,
}

/// The images that were brought.
pub(crate) struct Collection {
    images: Vec<Collected>,
    store: Store,
}

impl Collection {
    /// Returns the names, as the tree names them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.images.iter().map(|image| image.name.clone()).collect()
    }

    /// Returns the files to be added to the tree's registry.
    pub(crate) fn entries(&self, tree: &Tree) -> Result<Entries> {
        let mut entries = Entries::new();
        for image in &self.images {
            entries.extend(registry_tree::files(&self.store, image, tree)?);
        }
        Ok(entries)
    }
}

/// What a source gave.
pub(crate) struct Found {
    /// The descriptor of the manifest for the architecture, whose blobs are all in the store.
    pub(crate) manifest: Descriptor,
    /// The index that led to it, in the store too.
    pub(crate) index: Option<Digest>,
}

/// Brings all wanted images into the store, which the caller holds.
///
/// All that cannot be had are told, each with what was tried for it.
pub(crate) async fn collect(
    store: &Store,
    wanted: &Wanted,
    sources: &Sources,
    arch: Arch,
    context: &Path,
) -> Result<Collection, Problems> {
    let mut images = Vec::new();
    let mut problems = Vec::new();
    let mut everywhere = Everywhere::open(store, sources, arch, context, wanted)?;
    for (reference, place) in wanted.images.values() {
        match everywhere.find(reference).await {
            Ok(found) => images.push(collected(reference, found)),
            Err(tried) => problems.push(unavailable(reference, place, arch, tried)),
        }
    }
    for (reference, found) in everywhere.archives()? {
        if !wanted.images.contains_key(&reference.to_string()) {
            images.push(collected(&reference, found));
        }
    }
    Problems::check(problems)?;
    Ok(Collection { images, store: store.clone() })
}

/// Brings one image into the store, which the caller holds, from wherever it is.
pub(crate) async fn one(
    store: &Store,
    sources: &Sources,
    arch: Arch,
    reference: &ImageReference,
) -> Result<Found> {
    let engine = engine::Engine::of(&sources.engine);
    let registry = registry::Registry::of(sources.registries);
    let mut everywhere = Everywhere { store, arch, local: LocalFiles::default(), engine, registry };
    everywhere.find(reference).await.map_err(|tried| {
        let problem =
            Problem::new(Class::Config, format!("the image `{reference}` cannot be had for {arch}"));
        let problem = tried.into_iter().fold(problem, Problem::saw);
        problem.remedy(
            "name one of `sealift images`, of the local Docker engine, or the path of an archive or layout",
        )
    })
}

/// Brings all images of an archive or layout into the store, which the caller holds; `None` when it is neither.
pub(crate) fn all_of(store: &Store, path: &Path, arch: Arch) -> Result<Option<Vec<(ImageReference, Found)>>> {
    local::all_of(path, store, arch)
}

fn collected(reference: &ImageReference, found: Found) -> Collected {
    Collected {
        name: reference.to_string(),
        repository: reference.repository().to_owned(),
        tag: reference.tag().map(str::to_owned),
        manifest: found.manifest.digest,
        // A tag alone is served as the manifest itself, as the index would name platforms that are not there.
        index: found.index.filter(|index| reference.digest().as_ref() == Some(index)),
    }
}

fn unavailable(reference: &ImageReference, place: &str, arch: Arch, tried: Vec<String>) -> Problem {
    let mut problem =
        Problem::new(Class::Config, format!("the image `{reference}` cannot be had for {arch}"))
            .saw(format!("named in {place}"));
    problem.seen.extend(tried);
    problem
        .remedy(format!(
            "put it into the Docker engine with `docker pull --platform linux/{arch} {reference}`"
        ))
        .remedy("or put it below images/oci (OCI layout) or images/docker (docker save) beside the Kubefile")
}

/// All sources, in the order they are asked.
struct Everywhere<'a> {
    store: &'a Store,
    arch: Arch,
    local: LocalFiles,
    engine: engine::Engine,
    registry: registry::Registry,
}

impl<'a> Everywhere<'a> {
    fn open(
        store: &'a Store,
        sources: &Sources,
        arch: Arch,
        context: &Path,
        wanted: &Wanted,
    ) -> Result<Self> {
        Ok(Self {
            store,
            arch,
            local: LocalFiles::open(context, &wanted.archives)?,
            engine: engine::Engine::of(&sources.engine),
            registry: registry::Registry::of(sources.registries),
        })
    }

    /// Asks one source after the other; when none has the image, tells what each said.
    async fn find(&mut self, reference: &ImageReference) -> Result<Found, Vec<String>> {
        let mut tried = Vec::new();
        let mut answer = |source: &str, result: Result<Option<Found>>| match result {
            Ok(Some(found)) if keeps_promise(reference, &found) => Some(found),
            Ok(Some(_)) => {
                tried.push(format!(
                    "{source}: it has the image, but not with the digest that the name asks for"
                ));
                None
            }
            Ok(None) => {
                tried.push(format!("{source}: not there"));
                None
            }
            Err(problem) => {
                tried.push(format!("{source}: {problem}"));
                None
            }
        };
        if let Some(found) = answer("the store", self.in_store(reference)) {
            return Ok(found);
        }
        let local = self.local.find(self.store, reference, self.arch);
        if let Some(found) = answer("images/oci and images/docker", local) {
            return Ok(found);
        }
        let engine = self.engine.find(self.store, reference, self.arch).await;
        if let Some(found) = answer("the Docker engine", engine) {
            return Ok(found);
        }
        let registry = self.registry.find(self.store, reference, self.arch).await.map(Some);
        if let Some(found) = answer(&format!("the registry {}", reference.registry()), registry) {
            return Ok(found);
        }
        Err(tried)
    }

    fn in_store(&self, reference: &ImageReference) -> Result<Option<Found>> {
        let Some(image) = self.store.find(reference, self.arch)? else { return Ok(None) };
        let size = self.store.blob_size(&image.manifest)?;
        let manifest = Descriptor::new(super::document::MANIFEST, image.manifest, size);
        Ok(Some(Found { manifest, index: None }))
    }

    /// Brings all images of the archives that `tar.txt` lists.
    fn archives(&self) -> Result<Vec<(ImageReference, Found)>> {
        self.local.listed_images(self.store, self.arch)
    }
}

/// Tells whether an image is the one that its name pins: the cluster will ask for that digest.
///
/// The Docker engine's export, for one, is made anew and has another.
fn keeps_promise(reference: &ImageReference, found: &Found) -> bool {
    let pinned = reference.digest();
    pinned.is_none_or(|digest| digest == found.manifest.digest || Some(&digest) == found.index.as_ref())
}

/// Tells whether a media type is that of an index, OCI's or Docker's.
fn is_index(media_type: &str) -> bool {
    matches!(media_type, INDEX | super::document::DOCKER_INDEX)
}

#[cfg(test)]
mod tests;
