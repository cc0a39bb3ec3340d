//! What `--set` says over the files: each value is a text of its own, with a place like any other.

use std::rc::Rc;

use super::Overrides;
use super::ledger::{Finding, Ledger};
use super::node::{Content, Entry, Node};
use super::place::{Place, Text};
use super::syntax;

/// Makes the texts of the overrides.
pub(super) fn texts(overrides: &Overrides) -> impl Iterator<Item = Text> + '_ {
    overrides.set.iter().map(|(path, value)| Text { name: format!("--set {path}"), text: value.clone() })
}

/// Lays the overrides over a document; their texts are those from number `first` on.
pub(super) fn apply(
    ledger: &Ledger,
    first: usize,
    overrides: &Overrides,
    mut document: Rc<Node>,
) -> Rc<Node> {
    for (index, (path, _)) in overrides.set.iter().enumerate() {
        let text = first + index;
        let whole = Place { text, start: 0, end: ledger.text(text).text.len() };
        let (mut values, _) = syntax::documents(ledger, text);
        let value = values.pop().unwrap_or_else(|| Node::new(whole, Content::Plain(String::new())));
        match steps(path) {
            Some(steps) => match put(&document, &steps, &value, whole) {
                Ok(changed) => document = changed,
                Err(why) => ledger.error(Finding::at(whole, format!("cannot set `{path}`: {why}"))),
            },
            None => ledger.error(
                Finding::at(whole, format!("`{path}` is no path to a field"))
                    .remedy("write it as spec.network.vip or spec.images[0]"),
            ),
        }
    }
    document
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
            match entries.iter_mut().find(|entry| entry.key == *name) {
                Some(entry) => entry.value = put(&entry.value, rest, value, place)?,
                None => {
                    let value = put(&nothing(), rest, value, place)?;
                    entries.push(Entry { key: name.clone(), place, value });
                }
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
