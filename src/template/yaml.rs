//! YAML in the manner of the Go tools: keys sorted, lists not indented, texts in single quotes unless that would not do.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value as Json;
use serde_saphyr::{SerializerOptions, SingleQuoted};

use super::failure::{Failure, Outcome};
use super::json;
use super::limits::check_text;
use super::value::Value;

/// Writes a value, without a line break at the end.
pub(super) fn encode(value: &Value) -> Outcome<String> {
    let tree = json::to_tree(value)?;
    let mut options = SerializerOptions::default();
    options.compact_list_indent = true;
    options.prefer_block_scalars = true;
    let text = serde_saphyr::to_string_with_options(&Tree(&tree), options)
        .map_err(|error| Failure::new(format!("the value cannot be written as YAML: {error}")))?;
    check_text(text.len())?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Reads a text.
pub(super) fn decode(text: &str) -> Outcome<Value> {
    let tree = serde_saphyr::from_str::<Json>(text)
        .map_err(|error| Failure::new(format!("the text is not YAML: {}", error.without_snippet())))?;
    json::from_tree(tree, 0)
}

struct Tree<'a>(&'a Json);

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::String(text) if wants_single_quotes(text) => {
                SingleQuoted(text.as_str()).serialize(serializer)
            }
            Json::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Tree(item)))?;
                list.end()
            }
            Json::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, item)| map.serialize_entry(key, &Tree(item)))?;
                map.end()
            }
            other => other.serialize(serializer),
        }
    }
}

/// Tells whether a text needs quotes for a sign in it; one that would be read as a number or the like gets double ones.
fn wants_single_quotes(text: &str) -> bool {
    let begins = text
        .starts_with(['#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', ' '])
        || ["- ", "? ", ": "].iter().any(|sign| text.starts_with(sign))
        || ["-", "?", ":"].contains(&text);
    let holds = text.contains(": ") || text.contains(" #");
    let ends = text.ends_with([':', ' ']);
    (begins || holds || ends) && !text.chars().any(char::is_control) && text.trim() != ""
}
