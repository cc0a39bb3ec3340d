//! What `--set` says over the files: each value is a text of its own, with a place like any other.

use std::rc::Rc;

use super::Overrides;
use super::ledger::{Finding, Ledger};
use super::node::{Content, Entry, Node};
use super::place::{Place, Text};
use super::syntax::{self, Wholeness};

/// Makes the texts of the overrides.
pub(super) fn texts(overrides: &Overrides) -> impl Iterator<Item = Text> + '_ {
    overrides.set.iter().map(|(path, value)| Text { name: format!("--set {path}"), text: value.clone() })
}

/// What an override is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// A field of the cluster.
    Cluster,
    /// A value for templates.
    Template,
}

/// Tells what an override is about: paths to fields begin with what documents begin with.
pub(super) fn aim(path: &str) -> Aim {
    match path.split(['.', '[']).next() {
        Some("spec" | "metadata") => Aim::Cluster,
        _ => Aim::Template,
    }
}

/// Lays the overrides of one aim over a tree; their texts are those from number `first` on.
pub(super) fn apply(
    ledger: &Ledger,
    first: usize,
    overrides: &Overrides,
    wanted: Aim,
    tree: Rc<Node>,
) -> Rc<Node> {
    let mut tree = tree;
    for (index, (path, _)) in overrides.set.iter().enumerate().filter(|(_, (path, _))| aim(path) == wanted) {
        let text = first + index;
        let whole = Place { text, start: 0, end: ledger.text(text).text.len() };
        let (mut values, wholeness) = syntax::documents(ledger, text);
        let value = values.pop().unwrap_or_else(|| match wholeness {
            Wholeness::Whole => Node::new(whole, Content::Plain(String::new())),
            Wholeness::Broken => Node::new(whole, Content::Wrong),
        });
        match steps(path).map(|steps| put(&tree, &steps, &value, whole)) {
            Some(Ok(changed)) => tree = changed,
            Some(Err(why)) => {
                let finding = Finding::at(whole, format!("`{path}` cannot be set: {why}"));
                ledger.error(finding.remedy("look at the file for the path; sealift convert shows it"));
            }
            None => {
                let finding = Finding::at(whole, format!("`{path}` is no path to a field"));
                ledger.error(finding.remedy("write it as spec.network.vip or spec.images[0]"));
            }
        }
    }
    tree
}

/// Takes down overrides for templates when there are none.
pub(super) fn no_template(ledger: &Ledger, first: usize, overrides: &Overrides) {
    for (index, (path, value)) in
        overrides.set.iter().enumerate().filter(|(_, (path, _))| aim(path) == Aim::Template)
    {
        let place = Place { text: first + index, start: 0, end: value.len() };
        let finding =
            Finding::at(place, format!("`{path}` is no field of a Clusterfile, and no file is a template"));
        ledger.error(finding.remedy(format!("paths to fields begin with `spec.`: --set spec.{path}=...")));
    }
}

/// A step of a path.
enum Step {
    Field(String),
    Item(usize),
}

/// Reads `spec.hosts[0].role`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = vec![];
    for part in path.split('.') {
        let (name, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        if name.is_empty() {
            return None;
        }
        steps.push(Step::Field(name.to_owned()));
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            steps.push(Step::Item(index.parse().ok()?));
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(steps)
}

/// Returns the tree with `value` at the end of the steps.
fn put(node: &Rc<Node>, steps: &[Step], value: &Rc<Node>, place: Place) -> Result<Rc<Node>, String> {
    let Some((step, rest)) = steps.split_first() else { return Ok(value.clone()) };
    let nothing = || Node::new(place, Content::Plain(String::new()));
    let content = match (step, &node.content) {
        (Step::Field(name), Content::Map(entries)) => {
            let mut entries = entries.clone();
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *name) {
                entry.value = put(&entry.value, rest, value, place)?;
            } else {
                let value = put(&nothing(), rest, value, place)?;
                entries.push(Entry { key: name.clone(), place, value });
            }
            Content::Map(entries)
        }
        (Step::Field(name), _) if node.is_null() => {
            let value = put(&nothing(), rest, value, place)?;
            Content::Map(vec![Entry { key: name.clone(), place, value }])
        }
        (Step::Field(name), _) => return Err(format!("`{name}` would be a field of {}", node.kind())),
        (Step::Item(index), Content::List(items)) if *index < items.len() => {
            let mut items = items.clone();
            items[*index] = put(&items[*index], rest, value, place)?;
            Content::List(items)
        }
        (Step::Item(index), Content::List(items)) if *index == items.len() => {
            let mut items = items.clone();
            items.push(put(&nothing(), rest, value, place)?);
            Content::List(items)
        }
        (Step::Item(0), _) if node.is_null() => Content::List(vec![put(&nothing(), rest, value, place)?]),
        (Step::Item(index), Content::List(items)) => {
            return Err(format!("there is no [{index}] in a list of {}", items.len()));
        }
        (Step::Item(index), _) => return Err(format!("there is no [{index}] in {}", node.kind())),
    };
    Ok(Node::new(node.place, content))
}
