//! A YAML document as a tree in which every value knows its place.

use std::rc::Rc;

use serde_json::Value;

use super::place::Place;
use crate::yaml;

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it stands.
    pub(super) place: Place,
    /// What it is.
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A text without quotes, which YAML may read as something else.
    Plain(String),
    /// A text in quotes or in a block: always a text.
    Quoted(String),
    /// What could not be read; that is told already.
    Wrong,
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping; no key twice.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where it stands.
    pub(super) place: Place,
    /// Its value.
    pub(super) value: Rc<Node>,
}

impl Node {
    /// Makes a value at a place.
    pub(super) fn new(place: Place, content: Content) -> Rc<Self> {
        Rc::new(Self { place, content })
    }

    /// Tells whether nothing stands here.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Plain(text) if is_null(text))
    }

    /// Tells whether this is no mapping.
    pub(super) fn is_scalar_or_list(&self) -> bool {
        !matches!(self.content, Content::Map(_))
    }

    /// Returns the entry of a key, if this is a mapping and has it.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Returns the text of a key's value, where it is one.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        match &self.entry(key)?.value.content {
            Content::Plain(text) | Content::Quoted(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value without its places.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Plain(text) => yaml::plain_scalar(text),
            Content::Quoted(text) => Value::String(text.clone()),
            Content::Wrong => Value::Null,
            Content::List(items) => Value::Array(items.iter().map(|item| item.to_json()).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
        }
    }

    /// Says what kind of value this is, as a sentence has it.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Plain(text) => match yaml::plain_scalar(text) {
                Value::Null => "nothing",
                Value::Bool(_) => "a truth value",
                Value::Number(_) => "a number",
                _ => "a text",
            },
            Content::Quoted(_) => "a text",
            Content::Wrong => "nothing that can be read",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// Tells whether a plain text is YAML's nothing.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
