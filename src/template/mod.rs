//! Go templates with sprig's functions, as the family's images use them.
//!
//! The engine follows Go's `text/template` with `missingkey=default` and sprig 3.3 to the byte; the golden files
//! under `testdata/templates` are made by the real ones. It differs where following would hurt:
//! what reads a clock or the network is refused with the reason, `env` finds the template's variables and nothing else, a decoding that fails is an
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
mod toml;
mod tree;
mod value;
mod yaml;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::Result;
use value::{Dict, Value};

/// Makes sure that `source` is a template: its syntax, and that all its functions are there.
///
/// Problems are those of [`render`].
pub fn check(name: &str, source: &str) -> Result<()> {
    parser::parse(name, source).map(|_| ()).map_err(|fault| fault.into_problem(name, source))
}

/// Renders the template `source` with variables.
///
/// The variables are the top-level keys, and they are in `.Env` and `.Values` as well, which win over variables of
/// these two names. `name` is the file's name for messages: a [`crate::error::Problem`] of class `config` begins
/// with `name:line:column` and shows the line.
pub fn render(name: &str, source: &str, data: &BTreeMap<String, String>) -> Result<String> {
    let templates = parser::parse(name, source).map_err(|fault| fault.into_problem(name, source))?;
    execute::run(&templates, name, &root(data), Some(&variables(data)))
        .map_err(|fault| fault.into_problem(name, source))
}

/// Renders the template `source` with a tree of values, which are in `.Values`, as helm has them.
///
/// Problems are those of [`render`].
pub fn render_values(name: &str, source: &str, values: &serde_json::Value) -> Result<String> {
    let templates = parser::parse(name, source).map_err(|fault| fault.into_problem(name, source))?;
    let dot = Dict::new([("Values".into(), given(values))]);
    execute::run(&templates, name, &Value::Dict(dot), None).map_err(|fault| fault.into_problem(name, source))
}

/// A value that was given on a command line; whole numbers stay whole.
fn given(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int64(whole),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::text(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(given).collect()),
        serde_json::Value::Object(entries) => {
            Value::Dict(Dict::new(entries.iter().map(|(key, item)| (Rc::from(key.as_str()), given(item)))))
        }
    }
}

/// Makes the dot of a template.
fn root(data: &BTreeMap<String, String>) -> Value {
    let root = variables(data);
    root.set("Env".into(), Value::Dict(variables(data)));
    root.set("Values".into(), Value::Dict(variables(data)));
    Value::Dict(root)
}

fn variables(data: &BTreeMap<String, String>) -> Dict {
    Dict::new(data.iter().map(|(key, value)| (Rc::from(key.as_str()), Value::text(value.as_str()))))
}

#[cfg(test)]
mod tests;
