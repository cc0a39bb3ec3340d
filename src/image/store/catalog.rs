//! The catalog: which names the store knows, for which platforms, and what they point at.

use std::fs;

use super::garbage::Sweep;
use super::lock::Lock;
use super::{Image, Store};
use crate::error::{Class, Context, Problem, Result};
use crate::image::ImageReference;
use crate::image::document::{Descriptor, Index, Platform, REF_NAME};
use crate::model::{Arch, Digest};
use crate::suggest;

/// One line of the list of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The image's normalised name.
    pub name: String,
    /// The architecture, by the name that Go and OCI images use.
    pub architecture: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The bytes of its layers as they are stored; a layer that images share is counted in each.
    pub size: u64,
    /// When it was built, as its configuration says (RFC 3339).
    pub created: Option<String>,
}

impl Store {
    /// Finds the image of that name for `arch`.
    ///
    /// `name` may be short or whole, and may end in `@sha256:...`. An unknown name is a `Config` problem that offers
    /// the names most like it.
    pub fn resolve(&self, name: &str, arch: Arch) -> Result<Image> {
        let reference: ImageReference = name.parse()?;
        let _hold = self.hold()?;
        let index = self.index()?;
        let known: Vec<&Descriptor> =
            index.manifests.iter().filter(|entry| is_called(entry, &reference)).collect();
        let entry = known.iter().find(|entry| entry.platform.as_ref().is_some_and(|p| p.is_linux(arch)));
        match entry {
            Some(entry) => self.image(&name_of(entry), &entry.digest, arch),
            None if known.is_empty() => Err(unknown(&reference, &index)),
            None => Err(other_architecture(&reference, &known, arch)),
        }
    }

    /// Finds the image of that name for `arch`; `None` when the store does not have it.
    pub(crate) fn find(&self, reference: &ImageReference, arch: Arch) -> Result<Option<Image>> {
        let _hold = self.hold()?;
        let index = self.index()?;
        let entry = index.manifests.iter().find(|entry| {
            is_called(entry, reference)
                && entry.platform.as_ref().is_some_and(|platform| platform.is_linux(arch))
        });
        entry.map(|entry| self.image(&name_of(entry), &entry.digest, arch)).transpose()
    }

    /// Lists all images by name and architecture.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let _hold = self.hold()?;
        let mut list = Vec::new();
        for entry in self.index()?.manifests {
            let (manifest, configuration) = self
                .documents(&entry.digest)
                .map_err(|problem| problem.saw(format!("in the image `{}`", name_of(&entry))))?;
            list.push(Listed {
                name: name_of(&entry),
                architecture: entry.platform.map_or_else(|| "unknown".to_owned(), |p| p.architecture),
                manifest: entry.digest,
                size: manifest.layers.iter().map(|layer| layer.size).sum(),
                created: configuration.created,
            });
        }
        list.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        Ok(list)
    }

    /// Gives a stored manifest a name; what had the name before loses it.
    ///
    /// The caller holds the store since before it added the blobs.
    pub(crate) fn name(
        &self,
        reference: &ImageReference,
        arch: Arch,
        mut manifest: Descriptor,
    ) -> Result<()> {
        let name = reference.to_string();
        manifest.platform = Some(Platform::linux(arch));
        manifest.annotations.insert(REF_NAME.to_owned(), name.clone());
        self.change_index(|index| {
            let same = |entry: &Descriptor| name_of(entry) == name && entry.platform == manifest.platform;
            index.manifests.retain(|entry| !same(entry));
            index.manifests.push(manifest.clone());
            index.manifests.sort_by_key(|entry| (name_of(entry), entry.digest.clone()));
            Ok(())
        })
    }

    /// Takes a name away, for all architectures, and deletes the blobs that no image needs any more.
    pub fn remove(&self, name: &str) -> Result<Sweep> {
        let reference: ImageReference = name.parse()?;
        self.change_index(|index| {
            let before = index.manifests.len();
            let kept: Vec<Descriptor> =
                index.manifests.iter().filter(|entry| !is_called(entry, &reference)).cloned().collect();
            if kept.len() == before {
                return Err(unknown(&reference, index));
            }
            index.manifests = kept;
            Ok(())
        })?;
        self.sweep()
    }

    /// Reads the index as it is now.
    pub(super) fn index(&self) -> Result<Index> {
        let path = self.root.join("index.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Index::of(vec![])),
            Err(error) => {
                return Err(error).problem_with(Class::Machine, || format!("cannot read {}", path.display()));
            }
        };
        serde_json::from_slice(&text).map_err(|error| {
            Problem::new(Class::Config, format!("{} is not an OCI index", path.display()))
                .saw(error)
                .remedy("restore the file, or remove it and build, load or pull the images again")
        })
    }

    fn change_index(&self, change: impl FnOnce(&mut Index) -> Result<()>) -> Result<()> {
        let _lock = Lock::exclusive(&self.root.join("index.lock"))?;
        let mut index = self.index()?;
        change(&mut index)?;
        let text =
            serde_json::to_vec_pretty(&index).problem(Class::Internal, "cannot write the index as JSON")?;
        self.write_file(&self.root.join("index.json"), &text)
    }
}

/// Returns the name an entry was given.
fn name_of(entry: &Descriptor) -> String {
    entry.annotations.get(REF_NAME).cloned().unwrap_or_else(|| entry.digest.to_string())
}

/// Tells whether the entry is what `wanted` asks for: by its name, and by its digest if one is given.
fn is_called(entry: &Descriptor, wanted: &ImageReference) -> bool {
    let Ok(name) = name_of(entry).parse::<ImageReference>() else { return false };
    let same_repository = name.registry() == wanted.registry() && name.repository() == wanted.repository();
    let same_content = match wanted.digest() {
        Some(digest) => digest == entry.digest || name.digest() == Some(digest),
        None => name.tag() == wanted.tag(),
    };
    same_repository && same_content
}

fn unknown(wanted: &ImageReference, index: &Index) -> Problem {
    let names: Vec<String> = index.manifests.iter().map(name_of).collect();
    let mut problem = Problem::new(Class::Config, format!("there is no image `{wanted}` in the store"));
    if let Some(hint) = suggest::did_you_mean(&wanted.to_string(), names.iter().map(String::as_str)) {
        problem = problem.remedy(hint);
    }
    problem
        .remedy(format!("build it with `sealift build -t {wanted} DIR` or load it with `sealift load`"))
        .remedy("see what is there with `sealift images`")
}

fn other_architecture(wanted: &ImageReference, known: &[&Descriptor], arch: Arch) -> Problem {
    let platforms = known.iter().filter_map(|entry| entry.platform.as_ref());
    let there: Vec<&str> = platforms.map(|platform| platform.architecture.as_str()).collect();
    Problem::new(Class::Config, format!("the image `{wanted}` is not in the store for {arch}"))
        .saw(format!("it is there for {}", there.join(", ")))
        .remedy(format!("build or load it for {arch} too"))
}
