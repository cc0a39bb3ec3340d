//! One document over another of its kind, from several files.

use std::collections::HashMap;
use std::rc::Rc;

use super::node::{Content, Entry, Node};

/// Lays `over` over `under`: mappings field by field, everything else is replaced.
pub(super) fn lay(under: &Rc<Node>, over: &Rc<Node>) -> Rc<Node> {
    let (Content::Map(below), Content::Map(above)) = (&under.content, &over.content) else {
        return over.clone();
    };
    let mut entries = below.clone();
    let known: HashMap<&str, usize> =
        below.iter().enumerate().map(|(index, entry)| (entry.key.as_str(), index)).collect();
    for entry in above {
        match known.get(entry.key.as_str()) {
            Some(index) => {
                let value = lay(&entries[*index].value, &entry.value);
                entries[*index] = Entry { value, ..entry.clone() };
            }
            None => entries.push(entry.clone()),
        }
    }
    Node::new(over.place, Content::Map(entries))
}
