//! How one layer of configuration is laid over another.

use super::tree::{Content, Tree};

/// Lays `over` on `under`: maps key by key, lists of named things by name, SANs united, everything else replaced. Nothing
/// (`null`) stands for what is taken away; it stays in place, so that it can be told from what was never there, until
/// [`Tree::prune`].
pub(super) fn merge(under: &mut Tree, over: Tree) {
    match (&mut under.content, over.content) {
        (Content::Map(below), Content::Map(above)) => {
            for (key, value) in above {
                lay(below, key, value);
            }
        }
        (_, content) => *under = Tree { content, origin: over.origin },
    }
}

fn lay(below: &mut Vec<(String, Tree)>, key: String, value: Tree) {
    // An etcd is either kubeadm's own or somebody else's: whoever chooses one puts the other away.
    let other = match key.as_str() {
        "local" => Some("external"),
        "external" => Some("local"),
        _ => None,
    };
    if let Some(other) = other.filter(|_| !value.is_null()) {
        below.retain(|(present, _)| present != other);
    }
    match below.iter_mut().find(|(present, _)| *present == key) {
        Some((_, present)) => merge_field(&key, present, value),
        None => below.push((key, value)),
    }
}

fn merge_field(key: &str, under: &mut Tree, over: Tree) {
    let unites = key == "certSANs";
    match (&mut under.content, over.content) {
        (Content::List(below), Content::List(above)) if unites => {
            for entry in above {
                if !below.iter().any(|present| present.content == entry.content) {
                    below.push(entry);
                }
            }
        }
        (Content::List(below), Content::List(above)) if are_named(below) && are_named(&above) => {
            for entry in above {
                match below.iter_mut().find(|present| name(present) == name(&entry)) {
                    Some(present) => merge(present, entry),
                    None => below.push(entry),
                }
            }
        }
        (_, content) => merge(under, Tree { content, origin: over.origin }),
    }
}

fn name(entry: &Tree) -> Option<&str> {
    entry.get(&["name"])?.text()
}

/// Tells whether all of a list have names; an empty list replaces what is below.
fn are_named(list: &[Tree]) -> bool {
    !list.is_empty() && list.iter().all(|entry| name(entry).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::origin::Origin;
    use super::*;

    fn merged(layers: &[Value]) -> Tree {
        let mut whole = Tree::map(Origin::BuiltIn);
        for layer in layers {
            merge(&mut whole, Tree::of(layer, &Origin::Image));
        }
        whole.prune();
        whole
    }

    #[test]
    fn layers_are_laid_over_each_other() {
        for (under, over, want) in [
            (json!({"a": 1, "b": {"c": 2}}), json!({"b": {"d": 3}}), json!({"a": 1, "b": {"c": 2, "d": 3}})),
            (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": null}}), json!({"a": {"c": 2}})),
            (json!({"a": true}), json!({"a": false}), json!({"a": false})),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"a": [{"name": "x"}]}), json!({"a": []}), json!({"a": []})),
            (json!({"certSANs": ["x"]}), json!({"certSANs": ["y", "x"]}), json!({"certSANs": ["x", "y"]})),
            (
                json!({"etcd": {"local": {"a": 1}}}),
                json!({"etcd": {"external": {"b": 1}}}),
                json!({"etcd": {"external": {"b": 1}}}),
            ),
            (
                json!({"extraVolumes": [{"name": "v", "hostPath": "/a", "readOnly": true}, {"name": "w", "hostPath": "/b"}]}),
                json!({"extraVolumes": [{"name": "v", "hostPath": "/c"}]}),
                json!({"extraVolumes": [{"name": "v", "hostPath": "/c", "readOnly": true}, {"name": "w", "hostPath": "/b"}]}),
            ),
        ] {
            assert_eq!(merged(&[under.clone(), over.clone()]).to_value(), want, "{under} and {over}");
        }
    }

    /// Layers as people write them: what is a mapping in one is a mapping in all. Neither removals nor empty lists.
    fn layer() -> impl Strategy<Value = Value> {
        let scalar = || {
            prop_oneof![
                any::<bool>().prop_map(Value::from),
                (0..5_i32).prop_map(Value::from),
                "[a-c]{0,2}".prop_map(Value::from)
            ]
        };
        let volume = ("[v-x]", "[/a-c]{2}").prop_map(|(name, path)| json!({"name": name, "hostPath": path}));
        let volumes = prop::collection::vec(volume, 1..4).prop_map(|mut volumes| {
            let mut seen: Vec<Value> = vec![];
            volumes.retain(|volume| {
                !seen.contains(&volume["name"]) && {
                    seen.push(volume["name"].clone());
                    true
                }
            });
            Value::from(volumes)
        });
        let sans = prop::collection::btree_set("[a-d]", 1..4).prop_map(|sans| json!(sans));
        let arguments = prop::collection::btree_map("[a-d]", scalar(), 0..4).prop_map(|map| json!(map));
        let maybe = |value: BoxedStrategy<Value>| prop::option::of(value);
        (maybe(scalar().boxed()), maybe(volumes.boxed()), maybe(sans.boxed()), maybe(arguments.boxed()))
            .prop_map(|(scalar, volumes, sans, arguments)| {
                let mut layer = json!({});
                for (key, value) in [
                    ("clusterName", scalar),
                    ("extraVolumes", volumes),
                    ("certSANs", sans),
                    ("extraArgs", arguments),
                ] {
                    if let Some(value) = value {
                        layer[key] = value;
                    }
                }
                json!({"apiServer": layer})
            })
    }

    proptest! {
        #[test]
        fn merging_is_associative_where_nothing_is_taken_away(a in layer(), b in layer(), c in layer()) {
            let mut left = Tree::of(&a, &Origin::BuiltIn);
            merge(&mut left, Tree::of(&b, &Origin::Image));
            merge(&mut left, Tree::of(&c, &Origin::Computed("c")));
            let mut right = Tree::of(&b, &Origin::Image);
            merge(&mut right, Tree::of(&c, &Origin::Computed("c")));
            let mut whole = Tree::of(&a, &Origin::BuiltIn);
            merge(&mut whole, right);
            prop_assert_eq!(left.to_value(), whole.to_value());
        }

        #[test]
        fn laying_a_layer_twice_changes_nothing(a in layer(), b in layer()) {
            let once = merged(&[a.clone(), b.clone()]);
            prop_assert_eq!(merged(&[a, b.clone(), b]), once);
        }

        #[test]
        fn what_is_taken_away_is_gone_and_nothing_else(a in layer(), b in layer()) {
            let mut removal = b.clone();
            for value in removal["apiServer"].as_object_mut().unwrap().values_mut() {
                *value = Value::Null;
            }
            let left = merged(&[a.clone(), removal]).to_value();
            for (key, value) in a["apiServer"].as_object().unwrap() {
                let want = (b["apiServer"].get(key).is_none()).then_some(value);
                prop_assert_eq!(left["apiServer"].get(key), want);
            }
        }

        #[test]
        fn no_key_stands_twice(layers in prop::collection::vec(layer(), 0..5)) {
            fn once(tree: &Tree) -> bool {
                let keys: std::collections::BTreeSet<&String> = tree.fields().iter().map(|(key, _)| key).collect();
                keys.len() == tree.fields().len()
                    && tree.fields().iter().all(|(_, value)| once(value))
                    && tree.items().iter().all(once)
            }
            prop_assert!(once(&merged(&layers)));
            prop_assert_eq!(merged(&layers), merged(&layers));
        }
    }
}
