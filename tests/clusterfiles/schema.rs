//! The schema: of the same mind as the reader.

use std::collections::BTreeSet;

use sealift::clusterfile::{Overrides, Source, load, schema};
use serde_json::{Value, json};

use crate::good;

/// In every mapping of the schema, a field that is not known is told with exactly the fields that the schema has.
#[test]
fn reader_and_schema_know_the_same_fields() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let mut seen = BTreeSet::new();
    for path in good::files() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if !name.starts_with("native-") {
            continue;
        }
        let text = String::from_utf8(good::source(&path).text).unwrap();
        for document in sealift::yaml::documents(name, &text).unwrap() {
            let Some(form) = form(&document) else { continue };
            for pointer in mappings(&document, &schema["$defs"][form], &schema, "") {
                let known = known_fields(&document, &pointer.at);
                assert_eq!(known, pointer.fields, "{name}: {}", pointer.at);
                seen.insert(pointer.title);
            }
        }
    }
    let titles: BTreeSet<String> = definitions(&schema);
    assert_eq!(seen, titles, "the good native files do not show every mapping of the schema");
}

/// The definition that a document is of; those of Kubernetes have none here.
fn form(document: &Value) -> Option<&'static str> {
    match document["kind"].as_str() {
        Some("Cluster") => Some("Clusterfile"),
        Some("Config") => Some("ConfigDocument"),
        _ => None,
    }
}

/// A mapping of a document that the schema describes.
struct Mapping {
    at: String,
    title: String,
    fields: BTreeSet<String>,
}

/// Walks a document beside its schema.
fn mappings(value: &Value, schema: &Value, root: &Value, at: &str) -> Vec<Mapping> {
    // A mapping without a name of its own is a choice, and the reader tells of all its alternatives.
    let named = at.is_empty() || schema.get("$ref").is_some();
    let schema = resolve(schema, root);
    let alternatives = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    let mut found: Vec<Mapping> = vec![];
    match value {
        Value::Object(entries) => {
            for alternative in alternatives {
                if fits(value, alternative, root) {
                    found.extend(mappings(value, alternative, root, at));
                }
            }
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                if named {
                    let fields = properties.keys().cloned().collect();
                    let title = properties.keys().cloned().collect::<Vec<_>>().join(",");
                    found.push(Mapping { at: at.to_owned(), title, fields });
                }
                for (key, value) in entries {
                    if let Some(schema) = properties.get(key) {
                        found.extend(mappings(value, schema, root, &format!("{at}/{key}")));
                    }
                }
            }
        }
        Value::Array(items) => {
            let schema = schema.get("items").cloned().unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                found.extend(mappings(item, &schema, root, &format!("{at}/{index}")));
            }
        }
        _ => {}
    }
    found
}

fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let schema = resolve(schema, root);
    let required = schema.get("required").and_then(Value::as_array);
    schema.get("oneOf").is_some()
        || schema.get("properties").is_some()
            && required
                .is_none_or(|names| names.iter().all(|name| value.get(name.as_str().unwrap()).is_some()))
}

fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// The mappings that the schema has a name for.
fn definitions(schema: &Value) -> BTreeSet<String> {
    let properties = |schema: &Value| {
        // What may have other fields as well is not the reader's to know.
        schema.get("additionalProperties")?;
        let names = schema.get("properties")?.as_object()?.keys().cloned().collect::<Vec<_>>();
        Some(names.join(","))
    };
    let named = schema["$defs"].as_object().unwrap().values();
    named.chain([schema]).filter_map(properties).collect()
}

/// The fields that the reader offers where it meets one that it does not know.
fn known_fields(document: &Value, at: &str) -> BTreeSet<String> {
    let mut document = document.clone();
    document.pointer_mut(at).unwrap().as_object_mut().unwrap().insert("zzzzzzzz".to_owned(), json!(1));
    let text = serde_json::to_string_pretty(&document).unwrap();
    let problems =
        load(&[Source { name: "x".to_owned(), text: text.into_bytes() }], &Overrides::default()).unwrap_err();
    let problem =
        problems.list().iter().find(|problem| problem.message.contains("unknown field `zzzzzzzz`")).unwrap();
    let listed = problem.remedies[0].trim_start_matches("known here: ").replace(" and ", ", ");
    listed.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}
