//! The flags about Clusterfiles, shared by every command that reads them.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::variable::variable;
use crate::clusterfile::Overrides;
use crate::error::{Class, Context as _, Problem, Result};
use crate::ops::{Clusterfile, Place};

/// What is read where nothing is named.
const DEFAULT: &str = "Clusterfile";

/// Which Clusterfiles are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clusterfiles")]
pub(super) struct ClusterfileArgs {
    /// A Clusterfile, a directory of *.yaml and *.yml, or `-` for standard input; may be given more than once, and what
    /// comes later is laid over [default: Clusterfile]
    #[arg(long = "file", short, visible_alias = "Clusterfile", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// A variable for the images' scripts, templates and commands, over those of the files; may be given more than once
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// A field of the cluster, over what the files say: spec.network.vip=10.0.0.9; may be given more than once
    #[arg(long, value_name = "PATH=VALUE", value_parser = field)]
    set: Vec<(String, String)>,
}

impl ClusterfileArgs {
    /// Returns what to read where anything is said.
    pub(super) fn if_given(&self) -> Result<Option<Clusterfile>> {
        let given = !(self.files.is_empty() && self.env.is_empty() && self.set.is_empty());
        given.then(|| self.clusterfile()).transpose()
    }

    /// Returns what to read; `-` is read now.
    pub(super) fn clusterfile(&self) -> Result<Clusterfile> {
        let files = if self.files.is_empty() { read(&[DEFAULT.into()])? } else { read(&self.files)? };
        let overrides = Overrides { set: self.set.clone(), environment: self.env.iter().cloned().collect() };
        Ok(Clusterfile { overrides, ..files })
    }
}

/// Returns what to read; `-` is read now.
pub(super) fn read(files: &[PathBuf]) -> Result<Clusterfile> {
    if files.iter().filter(|file| is_standard_input(file)).count() > 1 {
        return Err(Problem::new(Class::Usage, "standard input can be read once: `-f -` is there twice"));
    }
    let place = |file: &PathBuf| {
        if is_standard_input(file) {
            standard_input().map(Place::StandardInput)
        } else {
            Ok(Place::Path(file.clone()))
        }
    };
    let places = files.iter().map(place).collect::<Result<_>>()?;
    Ok(Clusterfile { places, overrides: Overrides::default() })
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn standard_input() -> Result<Vec<u8>> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).problem(Class::Usage, "cannot read standard input")?;
    Ok(text)
}

fn field(text: &str) -> Result<(String, String), Problem> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err(Problem::new(Class::Usage, format!("`{text}` is not PATH=VALUE"))),
    }
}
