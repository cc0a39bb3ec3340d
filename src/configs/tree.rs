//! All Configs and all templates of one tree, in their order.
//!
//! Configs come first, so that what they put into a template is rendered. A Config for a file that a template makes is
//! laid over what is rendered instead: otherwise the rendering would lie over the Config.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::apply;
use super::templates;
use crate::error::{Class, Problem, Problems};
use crate::model::{Config, Environment, PlacedConfig, Strategy};
use crate::template;

/// A file as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// A text.
    Text(String),
    /// A file that is there and cannot be changed: it is too large, no text, or a link; the words say which.
    Other(&'static str),
}

/// The files of a tree by their paths from its root on.
pub type Tree = BTreeMap<String, File>;

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, from the tree's root on.
    pub path: String,
    /// What it holds then; `None` is no file.
    pub after: Option<String>,
    /// The template that makes it.
    pub template: Option<String>,
    /// The Configs that change it, by name.
    pub configs: Vec<String>,
}

/// Tells what becomes of the files of `tree`, in the order of their paths. All that is wrong is told at once.
pub fn outcome(
    tree: &Tree,
    configs: &[PlacedConfig],
    environment: &Environment,
) -> Result<Vec<Change>, Problems> {
    let render = |path: &str, text: &str| template::render(path, text, environment).map(Some);
    Work::new(tree, configs).run(render)
}

/// Finds what is wrong whatever the variables are: Configs that do not fit, templates that cannot be read.
pub fn foretell(tree: &Tree, configs: &[PlacedConfig]) -> Result<(), Problems> {
    let check = |path: &str, text: &str| template::check(path, text).map(|()| None);
    Work::new(tree, configs).run(check).map(drop)
}

/// Tells whether the tree has a file, or a template that makes it.
pub fn holds(tree: &Tree, path: &str) -> bool {
    tree.contains_key(path) || templates_of(tree).contains_key(path)
}

/// Returns the templates with the files they make.
fn templates_of(tree: &Tree) -> BTreeMap<String, String> {
    let is_chart = |folder: &str| tree.contains_key(&format!("{folder}/Chart.yaml"));
    let target =
        |path: &String| templates::target(path, is_chart).map(|made| (made.to_owned(), path.clone()));
    tree.keys().filter_map(target).collect()
}

struct Work<'a> {
    tree: Tree,
    configs: &'a [PlacedConfig],
    changes: BTreeMap<String, Change>,
    problems: Vec<Problem>,
    /// What templates make whose text is not known, since nothing was rendered.
    unknown: BTreeSet<String>,
}

impl<'a> Work<'a> {
    fn new(tree: &Tree, configs: &'a [PlacedConfig]) -> Self {
        let (changes, unknown) = (BTreeMap::new(), BTreeSet::new());
        Self { tree: tree.clone(), configs, changes, problems: Vec::new(), unknown }
    }

    fn run(
        mut self,
        render: impl Fn(&str, &str) -> Result<Option<String>, Problem>,
    ) -> Result<Vec<Change>, Problems> {
        let mut late = Vec::new();
        for config in self.configs {
            if is_late(&self.tree, &config.config) {
                late.push(config);
            } else {
                self.configure(config);
            }
        }
        for (target, path) in templates_of(&self.tree) {
            self.render(&path, target, &render);
        }
        for config in late {
            self.configure(config);
        }
        Problems::check(self.problems)?;
        Ok(self.changes.into_values().collect())
    }

    fn render(
        &mut self,
        path: &str,
        target: String,
        render: impl Fn(&str, &str) -> Result<Option<String>, Problem>,
    ) {
        if self.tree.contains_key(&target) {
            let message = format!("{path} makes {target}, and the image has that file as well");
            let problem = Problem::new(Class::Config, message);
            self.problems.push(problem.remedy(format!(
                "keep one of the two: take {path} or {target} out of the image, or delete one with a Config"
            )));
            return;
        }
        let text = match self.tree.get(path) {
            Some(File::Text(text)) => text,
            // A link to a template of the same tree is followed on the machine.
            Some(File::Other(why)) if *why == LINK => {
                self.unknown.insert(target);
                return;
            }
            Some(File::Other(why)) => {
                self.problems
                    .push(Problem::new(Class::Config, format!("{path} is no template: it is {why}")));
                return;
            }
            None => return,
        };
        match render(path, text) {
            Ok(Some(text)) => {
                self.tree.insert(target.clone(), File::Text(text.clone()));
                let change = self.change(&target);
                change.after = Some(text);
                change.template = Some(path.to_owned());
            }
            Ok(None) => drop(self.unknown.insert(target)),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn change(&mut self, path: &str) -> &mut Change {
        let new = || Change { path: path.to_owned(), after: None, template: None, configs: vec![] };
        self.changes.entry(path.to_owned()).or_insert_with(new)
    }

    fn configure(&mut self, placed: &PlacedConfig) {
        let PlacedConfig { place, config } = placed;
        if self.unknown.contains(&config.path) {
            return;
        }
        let here = |problem: Problem| Problem {
            message: format!("{place}: {}: {}", config.path, problem.message),
            ..problem
        };
        let before = match self.tree.get(&config.path) {
            Some(File::Text(text)) => Some(text.as_str()),
            Some(File::Other(why)) if config.strategy != Strategy::Delete => {
                let problem = Problem::new(Class::Config, format!("it cannot be changed: it is {why}"));
                self.problems.push(here(problem.remedy("build an image with another file")));
                return;
            }
            None if config.strategy.needs_file() && !makes_secret(placed) => {
                self.problems.push(here(missing(&self.tree, &config.path)));
                return;
            }
            Some(File::Other(_)) | None => None,
        };
        match apply(config, before) {
            Ok(after) => {
                match &after {
                    Some(text) => self.tree.insert(config.path.clone(), File::Text(text.clone())),
                    None => self.tree.remove(&config.path),
                };
                let change = self.change(&config.path);
                change.after = after;
                change.configs.push(config.name.clone());
            }
            Err(problem) => self.problems.push(here(problem)),
        }
    }
}

/// A Config changes what a template makes of a file. But it may bring a template, or take one away, or the file that is in a
/// template's way.
fn is_late(tree: &Tree, config: &Config) -> bool {
    let makes_way = config.strategy == Strategy::Delete && tree.contains_key(&config.path);
    templates_of(tree).contains_key(&config.path) && !makes_way
}

/// Returns the Configs that take those files away which templates of the tree make.
pub fn giving_way_to_templates(tree: &Tree) -> Vec<Config> {
    let in_the_way = templates_of(tree).into_keys().filter(|path| tree.contains_key(path));
    let delete = |path: String| Config {
        name: format!("{path}.tmpl"),
        path,
        strategy: Strategy::Delete,
        image: None,
        process: vec![],
        data: String::new(),
        trees: vec![],
    };
    in_the_way.map(delete).collect()
}

/// Why a link is not changed.
pub(super) const LINK: &str = "a symbolic link";

fn makes_secret(placed: &PlacedConfig) -> bool {
    placed.config.process.contains(&crate::model::Process::ToSecret)
}

/// Says that a file is not there, and which one may be meant.
pub fn missing(tree: &Tree, path: &str) -> Problem {
    let problem = Problem::new(Class::Config, "there is no such file");
    let template = format!("{path}.tmpl");
    if tree.contains_key(&template) {
        return problem.remedy(format!("{template} is there, but templates are not rendered in that folder"));
    }
    let known = tree.keys().map(String::as_str);
    match crate::suggest::did_you_mean(path, known) {
        Some(hint) => problem.remedy(hint),
        None => problem.remedy("`overwrite` makes a file that is not there"),
    }
}
