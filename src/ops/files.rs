//! The files of the images as Configs and templates will leave them: checked before anything is touched, and shown in plans.

mod kubeadm_file;

use std::collections::{BTreeMap, BTreeSet};

use super::contract::is_same_image;
use crate::configs::{self, Change, File, Tree};
use crate::error::{Class, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{
    Config, Environment, ImageContract, ImageKind, ImageName, MachineSpec, Observed, PlacedConfig, Process,
    Strategy,
};
use crate::plan::{self, Desired, FileChange};
use crate::steps::State;

/// The trees that machines get, with the Configs that change them.
pub(super) struct Files {
    trees: Vec<ImageTree>,
    /// The operator's Configs, each with the trees it is for.
    pub(super) configs: Vec<PlacedConfig>,
}

/// A tree, by the image that stands for it.
struct ImageTree {
    image: ImageName,
    kind: ImageKind,
    /// Its files; `None` when a layer of it is not in the store any more.
    files: Option<Tree>,
    /// The Configs that the images bring themselves.
    own: Vec<PlacedConfig>,
}

impl Files {
    /// Reads the trees and finds all that is wrong with Configs and templates whatever the machines are like.
    pub(super) fn read(
        store: &Store,
        images: &[ImageContract],
        declared: &[PlacedConfig],
    ) -> Result<Self, Problems> {
        let trees = trees(store, images)?;
        let configs = with_trees(images, &trees, declared)?;
        let files = Self { trees, configs };
        let mut problems = Vec::new();
        for (tree, found) in files.known() {
            if let Err(wrong) = configs::foretell(found, &tree.configs(&files.configs)) {
                problems.extend(wrong.list().iter().map(|problem| problem.clone().saw(tree.told())));
            }
        }
        Problems::check(problems)?;
        Ok(files)
    }

    /// Renders everything with the variables of every machine that is known, and tells what is wrong with any.
    pub(super) fn check(&self, desired: &Desired, observed: &Observed) -> Result<(), Problems> {
        let mut problems: Vec<Problem> = Vec::new();
        for (tree, found) in self.known() {
            let configs = tree.configs(&self.configs);
            for (machine, environment) in tree.environments(desired, observed) {
                let Err(wrong) = configs::outcome(found, &configs, &environment) else { continue };
                let told = wrong.list().iter().map(|problem| match machine {
                    Some(machine) => problem.clone().saw(tree.told()).on(&machine.name),
                    None => problem.clone().saw(tree.told()),
                });
                // What is wrong for one machine mostly is for all.
                problems.extend(told);
                break;
            }
        }
        Problems::check(problems)
    }

    /// Returns the differences that Configs and variables make: to what the machines were given the last time, or else to what
    /// the images have. The registry's credentials are not in them.
    pub(super) fn changes(
        &self,
        desired: &Desired,
        observed: &Observed,
        last: Option<&State>,
    ) -> Vec<FileChange> {
        let desired = without_credentials(desired.clone());
        let before = last.filter(|_| is_laid_out(observed)).map(|last| at_that_time(&desired, last));
        let mut changes = Vec::new();
        for (tree, found) in self.known() {
            let Some((machine, environment)) = tree.environments(&desired, observed).into_iter().next()
            else {
                continue;
            };
            let now = configs::outcome(found, &tree.configs(&self.configs), &environment);
            let then = match before.as_ref().and_then(|before| Some((before, tree.image_in(before)?))) {
                Some((before, image)) => {
                    let configs: Vec<_> =
                        before.cluster.configs.iter().cloned().map(Config::placed).collect();
                    let environment = environment_of(before, observed, machine, image);
                    configs::outcome(found, &tree.configs(&configs), &environment.unwrap_or_default())
                }
                None => configs::outcome(found, &tree.own, &environment),
            };
            if let (Ok(now), Ok(then)) = (now, then) {
                changes.extend(differences(tree, found, then, now, machine));
            }
        }
        changes
    }

    /// Returns the trees whose files are known.
    fn known(&self) -> impl Iterator<Item = (&ImageTree, &Tree)> {
        self.trees.iter().filter_map(|tree| Some((tree, tree.files.as_ref()?)))
    }
}

impl ImageTree {
    /// Returns the Configs of this tree: the images' own, then those of the operator.
    fn configs(&self, operators: &[PlacedConfig]) -> Vec<PlacedConfig> {
        let operators = operators.iter().filter(|placed| placed.config.trees.contains(&self.image));
        self.own.iter().chain(operators).cloned().collect()
    }

    fn told(&self) -> String {
        format!("in the image {}", self.image)
    }

    fn image_in<'a>(&self, desired: &'a Desired) -> Option<&'a ImageContract> {
        desired.images.iter().find(|image| image.name == self.image)
    }

    /// Returns the sets of variables that this tree is rendered with: those of one machine for all that are alike, or the one of
    /// an application.
    fn environments<'a>(
        &self,
        desired: &'a Desired,
        observed: &Observed,
    ) -> Vec<(Option<&'a MachineSpec>, Environment)> {
        let Some(image) = self.image_in(desired) else { return vec![] };
        if self.kind == ImageKind::Application {
            return vec![(None, plan::of_application(desired, image))];
        }
        let mut seen = BTreeSet::new();
        let machines = desired.cluster.machines.iter().filter_map(|machine| {
            let environment = environment_of(desired, observed, Some(machine), image)?;
            // An address is another one on every machine, and hardly ever decides anything.
            let mut alike = environment.clone();
            alike.remove("HostIP");
            seen.insert(alike).then_some((Some(machine), environment))
        });
        machines.collect()
    }
}

/// Returns the variables of an image on a machine; `None` when the machine did not answer.
fn environment_of(
    desired: &Desired,
    observed: &Observed,
    machine: Option<&MachineSpec>,
    image: &ImageContract,
) -> Option<Environment> {
    match machine {
        None => Some(plan::of_application(desired, image)),
        Some(machine) => Some(plan::of_machine(desired, machine, observed.facts(&machine.name)?)),
    }
}

/// Reads the trees: the one that the rootfs image and all patches make, and one for each application.
fn trees(store: &Store, images: &[ImageContract]) -> Result<Vec<ImageTree>> {
    let (applications, base): (Vec<_>, Vec<_>) =
        images.iter().partition(|image| image.kind == ImageKind::Application);
    let rootfs = base.iter().find(|image| image.kind == ImageKind::Rootfs);
    let parts = rootfs.map(|rootfs| (*rootfs, base.clone()));
    let parts = parts.into_iter().chain(applications.into_iter().map(|image| (image, vec![image])));
    let tree = |(image, made_of): (&ImageContract, Vec<&ImageContract>)| {
        let layers: Vec<_> = made_of.iter().flat_map(|image| &image.layers).collect();
        let own = made_of.iter().flat_map(|image| {
            let place = format!("config.yml of {}", image.name);
            image
                .configs
                .iter()
                .map(move |config| PlacedConfig { place: place.clone(), config: config.clone() })
        });
        Ok(ImageTree {
            image: image.name.clone(),
            kind: image.kind,
            files: store.files(&layers)?,
            own: own.collect(),
        })
    };
    parts.map(tree).collect()
}

/// Finds the trees that each Config is for.
fn with_trees(
    images: &[ImageContract],
    trees: &[ImageTree],
    declared: &[PlacedConfig],
) -> Result<Vec<PlacedConfig>, Problems> {
    let mut configs = Vec::new();
    let mut problems = Vec::new();
    for placed in declared {
        match trees_of(images, trees, placed) {
            Ok(found) => configs.push(PlacedConfig {
                place: placed.place.clone(),
                config: Config { trees: found, ..placed.config.clone() },
            }),
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems)?;
    Ok(configs)
}

fn trees_of(images: &[ImageContract], trees: &[ImageTree], placed: &PlacedConfig) -> Result<Vec<ImageName>> {
    let PlacedConfig { place, config } = placed;
    if let Some(named) = &config.image {
        let image = images.iter().find(|image| is_same_image(&image.name, named)).ok_or_else(|| {
            let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
            Problem::new(Class::Config, format!("{place}: the cluster has no image `{named}`"))
                .saw(format!("its images are {}", names.join(", ")))
                .remedy("write one of them after `match`, or leave it out for every image that has the file")
        })?;
        return Ok(vec![plan::tree_of(images, image).to_owned()]);
    }
    let all = || trees.iter().map(|tree| tree.image.clone()).collect::<Vec<_>>();
    let has = |tree: &&ImageTree| match &tree.files {
        Some(files) => configs::holds(files, &config.path),
        // It is not known any more; it was decided when it was.
        None => config.trees.contains(&tree.image),
    };
    let having: Vec<ImageName> = trees.iter().filter(has).map(|tree| tree.image.clone()).collect();
    let makes = config.strategy == Strategy::Overwrite || config.process.contains(&Process::ToSecret);
    if !having.is_empty() {
        return Ok(having);
    }
    if makes {
        return Ok(all());
    }
    let every: Tree = trees.iter().filter_map(|tree| tree.files.clone()).flatten().collect();
    let problem = configs::missing(&every, &config.path);
    let names = all().join(", ");
    Err(Problem {
        message: format!("{place}: {}: none of the images has this file", config.path),
        ..problem.saw(format!("looked for in {names}"))
    })
}

/// What stands in place of a credential.
const HIDDEN: &str = "***";

/// Returns the same with nothing in it that logs in to the registry: plans are shown and saved.
fn without_credentials(mut desired: Desired) -> Desired {
    desired.registry.username = HIDDEN.into();
    desired.registry.password = HIDDEN.into();
    desired.registry.former = None;
    desired
}

/// Tells whether any machine was given its files already.
fn is_laid_out(observed: &Observed) -> bool {
    let facts = observed.machines.values().filter_map(crate::model::Seen::known);
    facts.into_iter().any(|facts| facts.holdings.receipts.contains_key("lay-out"))
}

/// Returns what was desired the last time.
fn at_that_time(desired: &Desired, last: &State) -> Desired {
    Desired { cluster: last.cluster.clone(), images: last.images.clone(), ..desired.clone() }
}

/// What a Secret's difference says in place of its values.
const SECRET: &str = "(a Secret, whose content is not shown)";

/// Goes by the words and not by the structure: a file that cannot be read as a whole may hold a Secret, too, and it may be
/// written as JSON.
fn may_hold_a_secret(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect();
    bare.contains("kind:Secret")
}

fn differences(
    tree: &ImageTree,
    files: &Tree,
    then: Vec<Change>,
    now: Vec<Change>,
    machine: Option<&MachineSpec>,
) -> Vec<FileChange> {
    let by_path = |changes: Vec<Change>| -> BTreeMap<String, Change> {
        changes.into_iter().map(|change| (change.path.clone(), change)).collect()
    };
    let (then, now) = (by_path(then), by_path(now));
    let paths: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let text = |changes: &BTreeMap<String, Change>, path: &String| match (changes.get(path), files.get(path))
    {
        (Some(change), _) => change.after.clone(),
        (None, Some(File::Text(text))) => Some(text.clone()),
        (None, _) => None,
    };
    let differ = |path: &String| {
        let (before, after) = (text(&then, path), text(&now, path));
        if before == after {
            return None;
        }
        let made = now.get(path).or_else(|| then.get(path))?;
        let is_secret = [&before, &after].into_iter().flatten().any(|text| may_hold_a_secret(text));
        let difference = if is_secret {
            SECRET.to_owned()
        } else {
            configs::difference(path, before.as_deref(), after.as_deref())
        };
        Some(FileChange {
            image: tree.image.clone(),
            path: path.clone(),
            configs: made.configs.clone(),
            template: made.template.clone(),
            machine: machine.filter(|_| made.template.is_some()).map(|machine| machine.name.clone()),
            difference,
        })
    };
    paths.into_iter().filter_map(differ).collect()
}

#[cfg(test)]
pub(super) mod tests;
