//! `build`: from a directory and its Kubefile to an image in the store.
//!
//! The same directory, Kubefile, arguments and collected images give the same manifest digest, on any machine and
//! from any place.

mod context;
mod entry;
mod ignore;
mod tree;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) use self::entry::{Entries, Entry, EntryKind};
pub(crate) use self::tree::Tree;
pub(crate) use self::write::compressed;

use self::context::BuildContext;
use self::write::NewLayer;
use super::ImageReference;
use super::collect::{self, Sources};
use super::document::{CONFIG, Configuration, Descriptor, History, MANIFEST, Manifest};
use super::kubefile::{self, Arguments, Base, Kubefile, Recipe};
use super::store::{Hold, Image, Store};
use crate::error::{Class, Context, Problem, Problems, Result};

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The name the image gets.
    pub name: ImageReference,
    /// The directory that COPY copies from.
    pub context: PathBuf,
    /// The Kubefile, when it is not one of the usual names in the directory.
    pub file: Option<PathBuf>,
    /// Architecture and build arguments.
    pub arguments: Arguments,
    /// Labels set after those of the Kubefile.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Variables set after those of the Kubefile.
    pub environment: BTreeMap<String, String>,
    /// The time of all files and of the image, in seconds since 1970 (`SOURCE_DATE_EPOCH`); 0 when none is given.
    pub epoch: u64,
    /// Where images that the tree names are looked for.
    pub sources: Sources,
}

/// What a build gave.
#[derive(Debug, Clone)]
pub struct Built {
    /// The image, as the store has it now.
    pub image: Image,
    /// The images that were brought into its registry by this build, by the names in the tree.
    pub collected: Vec<String>,
    /// What the operator may have meant otherwise.
    pub warnings: Vec<String>,
}

/// Builds an image and gives it its name.
pub async fn build(store: &Store, options: BuildOptions) -> Result<Built, Problems> {
    let mut draft = in_background({
        let (store, options) = (store.clone(), options.clone());
        move || Draft::begin(store, options)
    })
    .await?;
    let wanted = collect::wanted(&draft.tree)?;
    let collection =
        collect::collect(store, &wanted, &options.sources, options.arguments.arch, draft.context.root());
    let collection = collection.await?;
    in_background(move || {
        let mut entries = collection.entries(&draft.tree)?;
        entry::add_parents(&mut entries, &draft.tree.directories);
        if !entries.is_empty() {
            draft.add_layer(&entries, "sealift: images named in the tree")?;
        }
        draft.finish(collection.names())
    })
    .await
}

/// Runs blocking work where it does not hold up the rest.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problems> + Send + 'static,
) -> Result<T, Problems> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Problem::new(Class::Internal, "the build stopped").saw(error).into()),
    }
}

/// An image on its way.
struct Draft {
    store: Store,
    options: BuildOptions,
    context: BuildContext,
    recipe: Recipe,
    tree: Tree,
    configuration: Configuration,
    layers: Vec<Descriptor>,
    /// Keeps the new layers until the image names them.
    _hold: Hold,
}

impl Draft {
    /// Reads the Kubefile, takes over the base image and makes the layers of all COPYs.
    fn begin(store: Store, options: BuildOptions) -> Result<Self, Problems> {
        let context = BuildContext::open(&options.context)?;
        let file = Kubefile::read(&kubefile::locate(&options.context, options.file.as_deref())?)?;
        let hold = store.hold()?;
        let base = match file.base(&options.arguments)? {
            Base::Scratch => None,
            Base::Image(name) => Some(store.resolve(&name.to_string(), options.arguments.arch)?),
        };
        let (configuration, layers, tree) = match &base {
            None => (Configuration::empty(options.arguments.arch), vec![], Tree::default()),
            Some(base) => inherit(&store, base)?,
        };
        let inherited = configuration.config.clone().unwrap_or_default().environment();
        let recipe = file.evaluate(&options.arguments, &inherited)?;
        let mut draft = Self { store, options, context, recipe, tree, configuration, layers, _hold: hold };
        draft.copy_all(&file)?;
        Ok(draft)
    }

    fn copy_all(&mut self, file: &Kubefile) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for copy in self.recipe.copies.clone() {
            let entries = match self.context.copy(&copy, &self.tree.directories) {
                Ok(entries) => entries,
                Err(problem) => {
                    let mut placed = file.complain(copy.place, &problem.message);
                    placed.seen.extend(problem.seen);
                    placed.remedies.extend(problem.remedies);
                    problems.push(placed);
                    continue;
                }
            };
            // After a mistake the rest is only looked at, so that all mistakes are told at once.
            if problems.is_empty() {
                self.add_layers(entries, &copy.text)?;
            }
        }
        Problems::check(problems)
    }

    /// Adds one COPY: what lies in `registry/` as a layer of its own, as it goes to fewer machines.
    fn add_layers(&mut self, entries: Entries, text: &str) -> Result<()> {
        let (rest, registry) = entry::part_registry(entries);
        for mut part in [rest, registry] {
            if !part.is_empty() {
                entry::add_parents(&mut part, &self.tree.directories);
                self.add_layer(&part, text)?;
            }
        }
        Ok(())
    }

    fn add_layer(&mut self, entries: &Entries, text: &str) -> Result<()> {
        let NewLayer { descriptor, diff_id } = write::layer(&self.store, entries, self.options.epoch)?;
        self.tree.add(entries)?;
        self.layers.push(descriptor);
        self.configuration.rootfs.diff_ids.push(diff_id);
        let (created, created_by) = (Some(self.created()?), Some(text.to_owned()));
        let step = History { created, created_by, other: serde_json::Map::new() };
        self.configuration.history.get_or_insert_default().push(step);
        Ok(())
    }

    /// Writes configuration and manifest and gives the image its name.
    fn finish(mut self, collected: Vec<String>) -> Result<Built, Problems> {
        self.configure()?;
        let (digest, size) = self.store.ingest_document(&self.configuration)?;
        let manifest = Manifest::of(Descriptor::new(CONFIG, digest, size), self.layers);
        let manifest = manifest.annotated(&self.options.annotations);
        let (digest, size) = self.store.ingest_document(&manifest)?;
        let (name, arch) = (self.options.name, self.options.arguments.arch);
        self.store.name(&name, arch, Descriptor::new(MANIFEST, digest, size))?;
        let image = self.store.resolve(&name.to_string(), arch)?;
        Ok(Built { image, collected, warnings: self.recipe.unused_arguments })
    }

    fn configure(&mut self) -> Result<()> {
        self.configuration.created = Some(self.created()?);
        let execution = self.configuration.config.get_or_insert_default();
        for (name, value) in
            self.recipe.environment.iter().map(|(n, v)| (n, v)).chain(&self.options.environment)
        {
            execution.set_variable(name, value);
        }
        let labels = execution.labels.get_or_insert_default();
        labels.extend(self.recipe.labels.clone());
        labels.extend(self.options.labels.clone());
        if let Some(entrypoint) = &self.recipe.entrypoint {
            execution.entrypoint = Some(entrypoint.clone());
        }
        if let Some(cmd) = &self.recipe.cmd {
            execution.cmd = Some(cmd.clone());
        }
        Ok(())
    }

    fn created(&self) -> Result<String> {
        let seconds = i64::try_from(self.options.epoch).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds)
            .map(|time| time.to_string())
            .problem_with(Class::Config, || format!("{} is not a time in seconds", self.options.epoch))
    }
}

/// Takes over a base image: its configuration, its layers with what is known of them, and its tree.
fn inherit(store: &Store, base: &Image) -> Result<(Configuration, Vec<Descriptor>, Tree)> {
    let (manifest, configuration) = store.documents(&base.manifest)?;
    let mut layers = manifest.layers;
    for (descriptor, layer) in layers.iter_mut().zip(&base.layers) {
        store.layer_facts(descriptor, &layer.diff_id, layer.compression)?.annotate(descriptor);
    }
    Ok((configuration, layers, Tree::of_image(store, base)?))
}

#[cfg(test)]
mod tests;
