//! The page on Clusterfiles: its tables of fields are those of the types, and every Clusterfile on a page can be read.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;

use sealift::clusterfile::{Overrides, Source, load, schema};
use serde_json::Value;

use crate::pages::{self, Page, repository};

/// What stands around the part of the page that is written here.
const BEGIN: &str =
    "<!-- Written by `SEALIFT_UPDATE_DOCS=1 cargo test --test docs the_published`, from the types. -->\n";
const END: &str = "<!-- The end of that. -->\n";

/// Run with `SEALIFT_UPDATE_DOCS=1` to write the tables anew.
#[test]
fn the_published_fields_are_current() {
    let path = repository().join("docs/clusterfile.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let current = format!("{before}{BEGIN}{}{END}{after}", Reference::of(&schema()).tables());
    if std::env::var_os("SEALIFT_UPDATE_DOCS").is_some() {
        fs::write(&path, &current).unwrap();
        return;
    }
    let difference = similar::TextDiff::from_lines(&page, &current);
    assert!(page == current, "run this test with SEALIFT_UPDATE_DOCS=1:\n{}", difference.unified_diff());
}

#[test]
fn clusterfiles_on_pages_can_be_read() {
    let mut seen = 0;
    for page in pages::all() {
        for (number, text) in clusterfiles(&page) {
            seen += 1;
            let name = format!("{}:{number}", page.path.display());
            let problems = load(&[Source { name, text: text.into_bytes() }], &Overrides::default());
            assert!(problems.is_ok(), "{}", problems.unwrap_err());
        }
    }
    assert!(seen > 0, "Clusterfiles are not seen");
}

/// Returns the blocks that hold one, each with the number of its first line.
fn clusterfiles(page: &Page) -> Vec<(usize, String)> {
    let mut blocks = vec![];
    let mut lines = page.text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let fence = line.trim_start();
        if fence != "```yaml" {
            continue;
        }
        let indent = line.len() - fence.len();
        let block = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text: String = block
            .flat_map(|line| {
                [
                    line.get(indent..).unwrap_or_default(),
                    "
",
                ]
            })
            .collect();
        if text.contains("kind: Cluster") {
            blocks.push((number + 2, text));
        }
    }
    blocks
}

/// The schema, read as a person wants it told.
struct Reference {
    root: Value,
}

/// A mapping that fields are told of: where it stands first, and what it is.
struct Mapping<'a> {
    path: String,
    schema: &'a Value,
}

impl Reference {
    fn of(schema: &str) -> Self {
        Self { root: serde_json::from_str(schema).unwrap() }
    }

    /// Returns a table for each mapping, in the order in which they are met.
    fn tables(&self) -> String {
        let mut text = String::new();
        let mut told: Vec<&str> = vec![];
        let mut waiting: VecDeque<_> = self.documents().collect();
        while let Some(Mapping { path, schema }) = waiting.pop_front() {
            let title = if path.is_empty() { "The document".to_owned() } else { format!("`{path}`") };
            write!(text, "\n### {title}\n\n{}\n\n| field | | |\n|---|---|---|\n", prose(schema)).unwrap();
            let required: Vec<&str> = strings(&schema["required"]).collect();
            for (name, field) in fields(schema) {
                let need = if required.contains(&name) { " (needed)" } else { "" };
                writeln!(text, "| `{name}`{need} | {} | {} |", self.kind(field), self.meaning(field))
                    .unwrap();
                for below in self.mappings_in(field) {
                    if !told.contains(&below) {
                        told.push(below);
                        let path = format!(
                            "{path}{}{name}{}",
                            if path.is_empty() { "" } else { "." },
                            brackets(field)
                        );
                        waiting.push_back(Mapping { path, schema: self.definition(below) });
                    }
                }
            }
        }
        text.push('\n');
        text
    }

    /// Returns the documents that there are: the cluster first, whose fields are told of without its name before them.
    fn documents(&self) -> impl Iterator<Item = Mapping<'_>> {
        let names = list(&self.root["anyOf"]).filter_map(reference);
        let paths = ["", "Config"].into_iter().map(str::to_owned);
        paths.zip(names).map(|(path, name)| Mapping { path, schema: self.definition(name) })
    }

    fn definition(&self, name: &str) -> &Value {
        &self.root["$defs"][name]
    }

    /// Returns the names of the mappings that a value may be or hold.
    fn mappings_in<'a>(&'a self, schema: &'a Value) -> Vec<&'a str> {
        let forms = list(&schema["anyOf"]).chain([schema, &schema["items"]]);
        let mut names = vec![];
        for name in forms.filter_map(reference) {
            let definition = self.definition(name);
            if fields(definition).is_empty() {
                names.extend(self.mappings_in(definition));
            } else {
                names.push(name);
            }
        }
        names
    }

    /// Says what may stand there.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = reference(schema) {
            return self.kind(self.definition(name));
        }
        let words: Vec<String> = list(&schema["oneOf"])
            .filter_map(|form| form["const"].as_str())
            .map(|word| format!("`{word}`"))
            .collect();
        if !words.is_empty() {
            return words.join(" or ");
        }
        let forms: Vec<String> = list(&schema["anyOf"])
            .filter(|form| form["type"] != "null")
            .map(|form| self.kind(form))
            .collect();
        match forms.as_slice() {
            [] => {}
            // What is read as a text may be written as a number.
            [first, ..] if forms.iter().any(|form| form == "number") => return first.clone(),
            forms => return forms.join(" or "),
        }
        if let Some(words) = schema["enum"].as_array() {
            return words
                .iter()
                .filter_map(Value::as_str)
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(" or ");
        }
        let kind = schema["type"].as_str().or_else(|| strings(&schema["type"]).next());
        match kind {
            Some("array") => format!("list of {}", plural(&self.kind(&schema["items"]))),
            Some("integer") => "number".to_owned(),
            Some("string") => "text".to_owned(),
            _ if schema["additionalProperties"].is_object() => "mapping of names to texts".to_owned(),
            _ => "mapping".to_owned(),
        }
    }

    /// Says what a field is for, with what is to be known of the values that may stand there.
    fn meaning(&self, field: &Value) -> String {
        let mut told = vec![prose(field)];
        // What is one of several forms is described there.
        told.extend(reference(field).filter(|_| told[0].is_empty()).map(|name| prose(self.definition(name))));
        for name in list(&field["items"]).chain([&field["items"], field]).filter_map(reference) {
            let definition = self.definition(name);
            for form in list(&definition["oneOf"]).filter(|form| form["const"].is_string()) {
                told.push(format!("`{}`: {}", form["const"].as_str().unwrap_or_default(), prose(form)));
            }
            told.extend(list(&definition["anyOf"]).filter(|form| form["type"] == "string").map(prose));
        }
        told.retain(|text| !text.is_empty());
        told.join(" ")
    }
}

/// Returns the fields of a mapping, or of each of its forms.
fn fields(schema: &Value) -> Vec<(&str, &Value)> {
    let forms = list(&schema["oneOf"]).chain(std::iter::once(schema));
    let fields = forms.filter_map(|form| form["properties"].as_object()).flatten();
    fields.map(|(name, field)| (name.as_str(), field)).collect()
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}

fn prose(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn brackets(field: &Value) -> &'static str {
    if field["items"].is_object() { "[]" } else { "" }
}

fn plural(kind: &str) -> String {
    kind.replace("text", "texts").replace("mapping", "mappings").replace("number", "numbers")
}
