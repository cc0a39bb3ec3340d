//! A document with the source of every value beside it, as comments: it is still YAML, and reads as the document itself.

use std::fmt::Write as _;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::tree::{Content, Tree};
use crate::yaml;

/// Sources stand no farther to the right than this, unless their line is longer.
const FARTHEST: usize = 60;

/// A line with where its value comes from.
struct Line {
    text: String,
    source: Option<String>,
}

/// Writes a document.
pub(super) fn document(kind: &str, api: &str, tree: &Tree) -> String {
    let mut lines = vec![];
    for (key, value) in [("apiVersion", api), ("kind", kind)] {
        lines.push(Line { text: format!("{key}: {value}"), source: None });
    }
    fields(tree.fields(), 0, &mut lines);
    let longest = lines.iter().filter(|line| line.source.is_some()).map(|line| line.text.width()).max();
    let column = longest.unwrap_or_default().min(FARTHEST);
    lines.iter().fold(String::new(), |mut text, line| {
        text.push_str(&line.text);
        if let Some(source) = &line.source {
            let blanks = column.saturating_sub(line.text.width());
            let _ = write!(text, "{:blanks$}  # {source}", "");
        }
        text.push('\n');
        text
    })
}

fn fields(fields: &[(String, Tree)], indent: usize, lines: &mut Vec<Line>) {
    for (key, value) in fields {
        entry(
            &format!("{}{}:", " ".repeat(indent), scalar(&Value::from(key.as_str()))),
            value,
            indent,
            lines,
        );
    }
}

/// Writes what stands after a key or a dash.
fn entry(begin: &str, value: &Tree, indent: usize, lines: &mut Vec<Line>) {
    let whole = |text: &str| Line { text: format!("{begin} {text}"), source: Some(value.origin.to_string()) };
    match &value.content {
        Content::Scalar(value) => lines.push(whole(&scalar(value))),
        Content::List(items) if items.is_empty() => lines.push(whole("[]")),
        Content::Map(inner) if inner.is_empty() => lines.push(whole("{}")),
        Content::List(items) => {
            lines.push(Line { text: begin.to_owned(), source: None });
            for item in items {
                self::item(item, indent, lines);
            }
        }
        Content::Map(inner) => {
            lines.push(Line { text: begin.to_owned(), source: None });
            fields(inner, indent + 2, lines);
        }
    }
}

/// Writes an item of a list; the first field of a mapping stands beside its dash.
fn item(item: &Tree, indent: usize, lines: &mut Vec<Line>) {
    let dash = format!("{}-", " ".repeat(indent));
    match &item.content {
        Content::Map(inner) if !inner.is_empty() => {
            let first = lines.len();
            fields(inner, indent + 2, lines);
            if let Some(line) = lines.get_mut(first) {
                line.text.replace_range(indent..=indent, "-");
            }
        }
        Content::List(items) if !items.is_empty() => {
            lines.push(Line { text: dash, source: None });
            for item in items {
                self::item(item, indent + 2, lines);
            }
        }
        _ => entry(&dash, item, indent, lines),
    }
}

/// Writes a scalar on one line, in quotes where it would be read as something else.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let plain = yaml::to_string(value).unwrap_or_default();
    let plain = plain.trim_end_matches('\n');
    // Texts of several lines, and such that could be taken for a comment's begin.
    if plain.contains('\n') || plain.contains('#') || plain.is_empty() {
        Value::from(text.as_str()).to_string()
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::origin::Origin;
    use super::*;

    #[test]
    fn every_value_has_its_source_beside_it() {
        let value = json!({"a": {"b": "yes", "list": [{"name": "x", "value": "1"}], "none": []}, "c": 3});
        let tree = Tree::read(&value, &|pointer| Origin::Clusterfile(format!("f{pointer}")));
        let want = [
            "apiVersion: api/v1",
            "kind: Kind",
            "a:",
            "  b: \"yes\"      # f/a/b",
            "  list:",
            "  - name: x     # f/a/list/0/name",
            "    value: \"1\"  # f/a/list/0/value",
            "  none: []      # f/a/none",
            "c: 3            # f/c",
        ];
        assert_eq!(document("Kind", "api/v1", &tree).lines().collect::<Vec<_>>(), want);
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9 :#'\"{}%,/.=-]{0,12}".prop_map(Value::from),
            "\\PC{0,5}\n?".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-zA-Z./-]{1,8}", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_as_the_document_itself(inner in prop::collection::btree_map("[b-z]{1,6}", value(), 0..5)) {
            let text = document("Kind", "api/v1", &Tree::of(&json!(inner), &Origin::BuiltIn));
            let mut read = yaml::documents("x", &text).unwrap().remove(0);
            let fields = read.as_object_mut().unwrap();
            fields.shift_remove("apiVersion");
            fields.shift_remove("kind");
            prop_assert_eq!(read, json!(inner), "{}", text);
        }
    }
}
