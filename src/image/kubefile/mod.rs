//! The Kubefile: how an image is made, in the Dockerfile's language.
//!
//! FROM (scratch or an image of the store, once), ARG, ENV, LABEL, COPY, ENTRYPOINT and CMD are followed. What
//! else the language has is refused by name, and every problem of a file is reported at once.

mod evaluate;
mod place;
mod syntax;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use evaluate::{Arguments, Copy, Recipe};
pub use place::Place;

use self::place::Source;
use self::syntax::Statement;
use super::ImageReference;
use crate::error::{Class, Context, Problem, Problems, Result};

/// The names a Kubefile may have in its directory, in the order they are looked for.
const NAMES: [&str; 4] = ["Kubefile", "Sealfile", "Dockerfile", "Containerfile"];

/// What an image begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An image of the store.
    Image(ImageReference),
}

/// A Kubefile that was read and has no mistake that can be seen without its variables.
#[derive(Debug, Clone)]
pub struct Kubefile {
    source: Source,
    statements: Vec<(Place, Statement)>,
}

impl Kubefile {
    /// Reads a Kubefile.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let text = fs::read_to_string(path)
            .problem_with(Class::Config, || format!("cannot read the Kubefile {}", path.display()))?;
        Self::parse(path, &text)
    }

    /// Reads a Kubefile's text; `path` is its name in messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let source = Source::new(path, text);
        let statements = syntax::statements(&source)?;
        Ok(Self { source, statements })
    }
}

/// Finds the Kubefile: `file` in `context` or else in the working directory, or the first of the usual names in
/// `context`.
pub fn locate(context: &Path, file: Option<&Path>) -> Result<PathBuf> {
    let candidates: Vec<PathBuf> = match file {
        Some(file) => vec![context.join(file), file.to_owned()],
        None => NAMES.iter().map(|name| context.join(name)).collect(),
    };
    if let Some(found) = candidates.iter().find(|candidate| candidate.is_file()) {
        return Ok(found.clone());
    }
    let looked: Vec<String> = candidates.iter().map(|candidate| candidate.display().to_string()).collect();
    Err(Problem::new(Class::Config, "there is no Kubefile")
        .saw(format!("looked for {}", looked.join(", ")))
        .remedy("write one, or name it with `-f FILE`"))
}

/// The variables that every Kubefile has: the platform it is built for.
fn platform_variables(arch: crate::model::Arch) -> BTreeMap<String, String> {
    [
        ("TARGETOS", "linux".to_owned()),
        ("TARGETARCH", arch.to_string()),
        ("TARGETPLATFORM", format!("linux/{arch}")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests;
