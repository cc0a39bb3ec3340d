//! The two forms of extra arguments: a list of names and values from v1beta4 on, a map before.
//!
//! Layers are laid over each other in a third one: a map in which an argument that is given more than once has the list of its
//! values. So an argument is one thing, in whatever form and however often it is written.

use serde_json::json;

use super::tree::{Content, Tree};
use crate::error::{Class, Problem};

/// What extra arguments are called.
const NAMES: [&str; 2] = ["extraArgs", "kubeletExtraArgs"];

/// Brings every list of arguments into the map in which they are merged. What is no list of names and values stays as it is.
pub(super) fn to_maps(tree: &mut Tree) {
    tree.change(&NAMES, &|arguments| {
        let Content::List(items) = &arguments.content else { return };
        let mut map: Vec<(String, Tree)> = vec![];
        for item in items {
            let Some(name) = item.get(&["name"]).and_then(Tree::text) else { return };
            // kubeadm's own types read an argument without a value as one with an empty value.
            let none = || Tree::of(&json!(""), &item.origin);
            let value = item.get(&["value"]).cloned().unwrap_or_else(none);
            match map.iter_mut().find(|(present, _)| present == name) {
                None => map.push((name.to_owned(), value)),
                Some((_, present)) => add(present, value),
            }
        }
        arguments.content = Content::Map(map);
    });
}

/// Gives an argument one value more.
fn add(present: &mut Tree, value: Tree) {
    if let Content::List(values) = &mut present.content {
        values.push(value);
    } else {
        let first = Tree { content: present.content.clone(), origin: present.origin.clone() };
        present.content = Content::List(vec![first, value]);
    }
}

/// Brings every map of arguments into the form of v1beta4.
pub(super) fn to_lists(tree: &mut Tree) {
    tree.change(&NAMES, &|arguments| {
        let Content::Map(map) = &arguments.content else { return };
        let mut list = vec![];
        for (name, value) in map {
            let values = match &value.content {
                Content::List(values) => values.as_slice(),
                _ => std::slice::from_ref(value),
            };
            list.extend(values.iter().map(|value| one(name, value)));
        }
        arguments.content = Content::List(list);
    });
}

fn one(name: &str, value: &Tree) -> Tree {
    let name = Tree::of(&json!(name), &value.origin);
    let fields = vec![("name".to_owned(), name), ("value".to_owned(), value.clone())];
    Tree { content: Content::Map(fields), origin: value.origin.clone() }
}

/// Finds what cannot be an argument, since it has no name: it could not be laid over what another layer says.
pub(super) fn nameless(tree: &Tree) -> Vec<Problem> {
    let mut found = vec![];
    for (key, value) in tree.fields() {
        match &value.content {
            Content::List(items) if NAMES.contains(&key.as_str()) => {
                let without = items.iter().filter(|item| item.get(&["name"]).and_then(Tree::text).is_none());
                found.extend(without.map(|item| {
                    Problem::new(
                        Class::Config,
                        format!("{}: an argument of `{key}` has no name", item.origin),
                    )
                    .remedy("write it as `- name: NAME` with `value: VALUE` below it")
                }));
            }
            _ => found.extend(nameless(value)),
        }
    }
    found
}

/// Returns the arguments that are given more than once, which only v1beta4 can say, each with the path to it.
pub(super) fn repeated(tree: &Tree) -> Vec<(String, &Tree)> {
    let mut found = vec![];
    collect(tree, "", &mut found);
    found
}

fn collect<'a>(tree: &'a Tree, path: &str, found: &mut Vec<(String, &'a Tree)>) {
    for (key, value) in tree.fields() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if NAMES.contains(&key.as_str()) {
            let several =
                value.fields().iter().filter(|(_, value)| matches!(value.content, Content::List(_)));
            found.extend(several.map(|(name, value)| (format!("{path}.{name}"), value)));
        } else {
            collect(value, &path, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;

    #[test]
    fn both_forms_turn_into_each_other() {
        let map = json!({"apiServer": {"extraArgs": {"v": "2"}}, "nodeRegistration": {"kubeletExtraArgs": {"a": ["b", "c"]}}});
        let list = json!({"apiServer": {"extraArgs": [{"name": "v", "value": "2"}]},
                          "nodeRegistration": {"kubeletExtraArgs": [{"name": "a", "value": "b"}, {"name": "a", "value": "c"}]}});
        let mut tree = Tree::of(&map, &Origin::Image);
        to_lists(&mut tree);
        assert_eq!(tree.to_value(), list);
        to_maps(&mut tree);
        assert_eq!(tree.to_value(), map);
        let repeated: Vec<String> = repeated(&tree).into_iter().map(|(path, _)| path).collect();
        assert_eq!(repeated, ["nodeRegistration.kubeletExtraArgs.a"]);
    }

    #[test]
    fn an_argument_without_a_value_is_empty_and_one_without_a_name_is_told() {
        let mut tree = Tree::of(&json!({"extraArgs": [{"name": "v"}]}), &Origin::Image);
        assert!(nameless(&tree).is_empty());
        to_maps(&mut tree);
        assert_eq!(tree.to_value(), json!({"extraArgs": {"v": ""}}));
        let tree = Tree::of(&json!({"apiServer": {"extraArgs": [{"value": "2"}, "v"]}}), &Origin::Image);
        let told = nameless(&tree);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].message, format!("{}: an argument of `extraArgs` has no name", Origin::Image));
    }
}
