//! One Config on one file.

use serde_json::{Map, Value};
use toml_edit::DocumentMut;

use super::format::Format;
use super::merge::{from_toml, lay, lay_toml};
use super::process::{Processed, new_secret, process};
use crate::error::{Class, Context as _, Problem, Result};
use crate::model::{Config, Process, Strategy};
use crate::yaml;

/// Returns what the Config makes of a file; `None` is no file.
///
/// A problem is of class `config`, and tells neither the Config nor the file.
pub fn apply(config: &Config, before: Option<&str>) -> Result<Option<String>> {
    if config.strategy == Strategy::Delete {
        return Ok(None);
    }
    let text = match process(config)? {
        Processed::Secret(values) => return into_secret(config, before, &values).map(Some),
        Processed::Text(text) => text,
    };
    Ok(Some(match (config.strategy, before) {
        (Strategy::Overwrite | Strategy::Delete, _) | (_, None) => text,
        (Strategy::Insert, Some(before)) => line(&text) + before,
        (Strategy::Append, Some(before)) => line(before) + &text,
        (Strategy::Merge, Some(before)) => merge(&config.path, &text, before)?,
    }))
}

/// Makes sure of a Config as far as that can be done without the file.
pub fn check(config: &Config) -> Result<()> {
    let secret = config.process.contains(&Process::ToSecret);
    match config.strategy {
        Strategy::Delete if !config.data.is_empty() || !config.process.is_empty() => {
            return Err(Problem::new(Class::Config, "`delete` takes the whole file away, and needs no data")
                .remedy("to take a field away, merge `field: null`"));
        }
        Strategy::Insert | Strategy::Append if secret => {
            return Err(Problem::new(
                Class::Config,
                "`toSecret` makes a whole Secret, which is nothing to insert or append",
            )
            .remedy("use the strategy `merge` or `overwrite`"));
        }
        Strategy::Merge if !secret && Format::of(&config.path) == Format::Plain => {
            return Err(Problem::new(
                Class::Config,
                format!(
                    "`{}` cannot be merged into: its name does not say that it is YAML, JSON or TOML",
                    config.path
                ),
            )
            .remedy("use `insert`, `append` or `overwrite`"));
        }
        _ => {}
    }
    match process(config)? {
        Processed::Text(text) if config.strategy == Strategy::Merge => {
            patches(Format::of(&config.path), &text).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Ends a text with a line break, unless it is empty.
fn line(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

fn merge(path: &str, data: &str, before: &str) -> Result<String> {
    let format = Format::of(path);
    let patches = patches(format, data)?;
    let unreadable = |problem: Problem| {
        let problem = Problem {
            message: format!("the file is not what its name says: {}", problem.message),
            ..problem
        };
        match path.strip_suffix(".tmpl") {
            Some(made) => problem.remedy(format!(
                "it is a template: name `{made}`, and the Config is laid over what is rendered"
            )),
            None => problem.remedy("use `overwrite`, or build the image with a whole file"),
        }
    };
    match format {
        Format::Yaml => {
            let mut documents = yaml::documents("it", before).map_err(unreadable)?;
            if documents.is_empty() && !patches.is_empty() {
                // Comments alone are a document to lay something on, too.
                documents.push(Value::Object(Map::new()));
            }
            for patch in &patches {
                lay_over_documents(&mut documents, patch)?;
            }
            let texts = documents.iter().map(yaml::to_string).collect::<Result<Vec<_>>>()?;
            Ok(texts.join("---\n"))
        }
        Format::Json => {
            let mut document: Value =
                serde_json::from_str(before).problem(Class::Config, "it is no JSON").map_err(unreadable)?;
            for patch in patches {
                lay(&mut document, &Value::Object(patch), "")?;
            }
            Ok(format!("{document:#}\n"))
        }
        Format::Toml => {
            let mut document: DocumentMut =
                before.parse().problem(Class::Config, "it is no TOML").map_err(unreadable)?;
            for patch in &patches {
                lay_toml(document.as_table_mut(), patch, "")?;
            }
            Ok(document.to_string())
        }
        Format::Plain => Err(Problem::new(Class::Config, "only YAML, JSON and TOML can be merged into")),
    }
}

/// Reads data as the mappings it is made of. For a TOML file they may be written in TOML, too.
fn patches(format: Format, data: &str) -> Result<Vec<Map<String, Value>>> {
    if format == Format::Toml
        && let Ok(document) = data.parse::<DocumentMut>()
        && let Value::Object(fields) = from_toml(document.as_item())
    {
        return Ok(vec![fields]);
    }
    let documents = yaml::documents("the data", data).map_err(|problem| {
        let kinds = if format == Format::Toml { "TOML, YAML nor JSON" } else { "YAML nor JSON" };
        Problem { message: format!("the data to merge is neither {kinds}"), ..problem }
            .remedy("write `field: value` in lines of their own, or use another strategy")
    })?;
    let only_mappings = || {
        Problem::new(Class::Config, "the data to merge is no mapping of fields to values")
            .remedy("write `field: value` in lines of their own")
    };
    let patches = documents.into_iter().map(|document| match document {
        Value::Object(fields) => Ok(fields),
        _ => Err(only_mappings()),
    });
    let patches = patches.collect::<Result<Vec<_>>>()?;
    if patches.is_empty() { Err(only_mappings()) } else { Ok(patches) }
}

/// Data that names an object of Kubernetes is for that one, and any other for every document.
fn lay_over_documents(documents: &mut [Value], patch: &Map<String, Value>) -> Result<()> {
    let whole = Value::Object(patch.clone());
    let names_object = patch.contains_key("apiVersion") && patch.contains_key("kind");
    let is_meant = |document: &Value| {
        ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"]
            .iter()
            .all(|place| whole.pointer(place).is_none_or(|wanted| document.pointer(place) == Some(wanted)))
    };
    let mut found = false;
    for document in documents.iter_mut().filter(|document| !names_object || is_meant(document)) {
        lay(document, &whole, "")?;
        found = true;
    }
    if found || !names_object {
        return Ok(());
    }
    let told = |place| whole.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = told("/metadata/name");
    let name = if name.is_empty() { name } else { format!(" `{name}`") };
    let there = documents.iter().filter_map(|document| document.get("kind")?.as_str()).collect::<Vec<_>>();
    Err(Problem::new(
        Class::Config,
        format!("the file has no {}{name} of `{}`", told("/kind"), told("/apiVersion")),
    )
    .saw(format!("it has: {}", there.join(", ")))
    .remedy("name one that it has, or leave `apiVersion` and `kind` out to change every document"))
}

/// Puts values into the Secret that is there, or into a new one; other documents of the file stay as they are.
fn into_secret(config: &Config, before: Option<&str>, values: &Map<String, Value>) -> Result<String> {
    let mut documents = match before {
        Some(before) => yaml::documents("the file", before)?,
        None => vec![],
    };
    match documents.iter_mut().find(|document| document["kind"] == "Secret") {
        Some(secret) => lay(secret, &serde_json::json!({"data": values}), "")?,
        None => documents.push(new_secret(&config.name, values)),
    }
    let texts = documents.iter().map(yaml::to_string).collect::<Result<Vec<_>>>()?;
    Ok(texts.join("---\n"))
}
