//! Go templates with sprig's functions, as the family's images use them.
//!
//! The engine follows Go's `text/template` with `missingkey=default` and sprig 3.3 to the byte; the golden files
//! under `testdata/templates` are made by the real ones. It differs where following would hurt:
//! what reads the operator's environment, clock or network is refused with the reason, a decoding that fails is an
//! error instead of text in a file, texts are UTF-8 always, an `int64` passes for an `int`, and a rendering is
//! bounded in depth, work and output.

mod decimal;
mod execute;
mod failure;
mod functions;
mod json;
mod lexer;
mod limits;
mod literal;
mod parser;
mod print;
mod printf;
mod semver;
mod tree;
mod value;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::Result;
use value::{Dict, Value};

/// Renders the template `source` with variables.
///
/// The variables are the top-level keys, and they are in `.Env` and `.Values` as well, which win over variables of
/// these two names. `name` is the file's name for messages: a [`crate::error::Problem`] of class `config` begins
/// with `name:line:column` and shows the line.
pub fn render(name: &str, source: &str, data: &BTreeMap<String, String>) -> Result<String> {
    let templates = parser::parse(name, source).map_err(|fault| fault.into_problem(name, source))?;
    execute::run(&templates, name, &root(data)).map_err(|fault| fault.into_problem(name, source))
}

/// Makes the dot of a template.
fn root(data: &BTreeMap<String, String>) -> Value {
    let variables = || data.iter().map(|(key, value)| (Rc::from(key.as_str()), Value::text(value.as_str())));
    let root = Dict::new(variables());
    root.set("Env".into(), Value::Dict(Dict::new(variables())));
    root.set("Values".into(), Value::Dict(Dict::new(variables())));
    Value::Dict(root)
}

#[cfg(test)]
mod tests;
