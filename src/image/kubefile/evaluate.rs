//! From statements to a recipe: variables in their places, in the order of the file.

use std::collections::BTreeMap;
use std::path::Path;

use super::place::Place;
use super::syntax::Statement;
use super::words::{self, Variables};
use super::{Base, Kubefile, platform_variables};
use crate::error::{Problem, Problems};
use crate::model::Arch;
use crate::suggest;

/// What the command line says about a build's variables.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// The architecture the image is for.
    pub arch: Arch,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
}

/// What an image is made of, beside its base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipe {
    /// LABEL.
    pub labels: BTreeMap<String, String>,
    /// ENV, in the order of the file.
    pub environment: Vec<(String, String)>,
    /// COPY, in the order of the file.
    pub copies: Vec<Copy>,
    /// The last ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// The last CMD.
    pub cmd: Option<Vec<String>>,
    /// Build arguments that no ARG declares, each with what it may have meant.
    pub unused_arguments: Vec<String>,
}

/// One COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Paths or patterns in the context.
    pub sources: Vec<String>,
    /// A path in the image; a slash at its end makes it a directory.
    pub destination: String,
    /// The mode of every file, instead of its own.
    pub mode: Option<u32>,
    /// The instruction as written, on one line, for the image's history.
    pub text: String,
    /// Where it is written.
    pub place: Place,
}

impl Kubefile {
    /// Returns what the image begins with.
    pub fn base(&self, arguments: &Arguments) -> Result<Base, Problems> {
        let mut stage = Stage::new(arguments);
        for (place, statement) in &self.statements {
            match statement {
                Statement::Arg(text) => stage.declare(text).map_err(|why| self.complain(*place, &why))?,
                Statement::From(image) => {
                    let name =
                        words::expand(image, &stage.variables).map_err(|why| self.complain(*place, &why))?;
                    return if name == "scratch" {
                        Ok(Base::Scratch)
                    } else {
                        let name = name.parse().map_err(|problem: Problem| {
                            self.complain(*place, &problem.message)
                                .remedy("name an image of the store, or `scratch`")
                        })?;
                        Ok(Base::Image(name))
                    };
                }
                _ => {}
            }
        }
        Ok(Base::Scratch)
    }

    /// Puts all variables in their places; `inherited` is the base image's environment.
    pub fn evaluate(&self, arguments: &Arguments, inherited: &Variables) -> Result<Recipe, Problems> {
        let mut before = Stage::new(arguments);
        let mut stage = Stage::new(arguments);
        stage.environment.clone_from(inherited);
        let mut recipe = Recipe::default();
        let mut problems = Vec::new();
        let mut begun = false;
        for (place, statement) in &self.statements {
            let result = match statement {
                Statement::From(_) => {
                    begun = true;
                    stage.global = before.variables.clone();
                    stage.refresh();
                    Ok(())
                }
                Statement::Arg(text) if begun => stage.declare(text),
                Statement::Arg(text) => before.declare(text),
                _ => stage.follow(*place, statement, &mut recipe),
            };
            problems.extend(result.err().map(|why| self.complain(*place, &why)));
        }
        Problems::check(problems)?;
        let declared: Vec<&str> = before.declared.iter().chain(&stage.declared).map(String::as_str).collect();
        recipe.unused_arguments = unused(arguments, &declared);
        Ok(recipe)
    }

    /// Makes a problem that shows the place of a COPY.
    pub fn complain(&self, place: Place, message: &str) -> Problem {
        self.source.problem(place, message)
    }
}

/// The variables on one side of FROM.
struct Stage<'a> {
    arguments: &'a Arguments,
    /// What ARG before FROM gave.
    global: Variables,
    declared: Vec<String>,
    from_arg: Variables,
    environment: Variables,
    /// All of them together, as instructions see them.
    variables: Variables,
}

impl<'a> Stage<'a> {
    fn new(arguments: &'a Arguments) -> Self {
        let mut stage = Self {
            arguments,
            global: Variables::new(),
            declared: vec![],
            from_arg: Variables::new(),
            environment: Variables::new(),
            variables: Variables::new(),
        };
        stage.refresh();
        stage
    }

    /// ENV wins over ARG, whichever comes first in the file.
    fn refresh(&mut self) {
        self.variables = platform_variables(self.arguments.arch);
        self.variables.extend(self.from_arg.clone());
        self.variables.extend(self.environment.clone());
    }

    /// Follows ARG: the command line's value, or the default, or what ARG before FROM gave.
    fn declare(&mut self, text: &str) -> Result<(), String> {
        for word in split_raw(text) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => (name, Some(words::expand(default, &self.variables)?)),
                None => (word.as_str(), None),
            };
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("`{name}` is not the name of a variable"));
            }
            let given = self.arguments.build_args.get(name).cloned();
            let value = given.or(default).or_else(|| self.global.get(name).cloned());
            self.declared.push(name.to_owned());
            if let Some(value) = value {
                self.from_arg.insert(name.to_owned(), value);
                self.refresh();
            }
        }
        Ok(())
    }

    fn follow(&mut self, place: Place, statement: &Statement, recipe: &mut Recipe) -> Result<(), String> {
        match statement {
            Statement::Env(text) => {
                // All values of one ENV see the variables from before it.
                for (name, value) in words::pairs(text, &self.variables)? {
                    recipe.environment.retain(|(old, _)| *old != name);
                    recipe.environment.push((name.clone(), value.clone()));
                    self.environment.insert(name, value);
                }
                self.refresh();
            }
            Statement::Label(text) => recipe.labels.extend(words::pairs(text, &self.variables)?),
            Statement::Copy { sources, destination, mode, text } => {
                let expand = |text: &String| words::expand(text, &self.variables);
                recipe.copies.push(Copy {
                    sources: sources.iter().map(expand).collect::<Result<_, _>>()?,
                    destination: checked_destination(expand(destination)?)?,
                    mode: *mode,
                    text: text.clone(),
                    place,
                });
            }
            Statement::Entrypoint(words) => {
                recipe.entrypoint = Some(words.clone());
                // As in every builder, a base image's CMD does not follow a new ENTRYPOINT.
                recipe.cmd.get_or_insert_default();
            }
            Statement::Cmd(words) => recipe.cmd = Some(words.clone()),
            Statement::From(_) | Statement::Arg(_) => {}
        }
        Ok(())
    }
}

/// Splits ARG's words without taking their quotes away.
fn split_raw(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                words.push(std::mem::take(&mut word));
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn checked_destination(destination: String) -> Result<String, String> {
    if destination.is_empty() {
        return Err("the destination is empty".to_owned());
    }
    if Path::new(&destination).components().any(|part| part == std::path::Component::ParentDir) {
        return Err(format!("the destination `{destination}` leaves the image"));
    }
    Ok(destination)
}

fn unused(arguments: &Arguments, declared: &[&str]) -> Vec<String> {
    let names = arguments.build_args.keys().filter(|name| !declared.contains(&name.as_str()));
    let told = names.map(|name| {
        let hint = suggest::did_you_mean(name, declared.iter().copied());
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("the build argument `{name}` is declared by no ARG{hint}")
    });
    told.collect()
}
