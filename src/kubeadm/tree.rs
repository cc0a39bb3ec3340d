//! A document in which every value knows where it comes from.

use serde_json::Value;

use super::origin::Origin;

/// A value with its origin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    /// What it is.
    pub(super) content: Content,
    /// Where it comes from; of a list or mapping that several layers share, where it came from first.
    pub(super) origin: Origin,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A text, a number, a truth value, or nothing.
    Scalar(Value),
    /// A list.
    List(Vec<Tree>),
    /// A mapping in the order in which its keys came; no key twice.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a value; `origin` tells where one stands whose JSON pointer it is given.
    pub(super) fn read(value: &Value, origin: &dyn Fn(&str) -> Origin) -> Self {
        Self::read_at(value, "", origin)
    }

    fn read_at(value: &Value, pointer: &str, origin: &dyn Fn(&str) -> Origin) -> Self {
        let content = match value {
            Value::Array(items) => Content::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self::read_at(item, &format!("{pointer}/{index}"), origin))
                    .collect(),
            ),
            Value::Object(fields) => Content::Map(
                fields
                    .iter()
                    .map(|(key, value)| {
                        let pointer = format!("{pointer}/{}", escaped(key));
                        (key.clone(), Self::read_at(value, &pointer, origin))
                    })
                    .collect(),
            ),
            scalar => Content::Scalar(scalar.clone()),
        };
        Self { content, origin: origin(pointer) }
    }

    /// Makes a value all of which has the same origin.
    pub(super) fn of(value: &Value, origin: &Origin) -> Self {
        Self::read(value, &|_| origin.clone())
    }

    /// Makes an empty mapping.
    pub(super) fn map(origin: Origin) -> Self {
        Self { content: Content::Map(vec![]), origin }
    }

    /// Returns the value without its origins.
    pub(super) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Content::Map(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (key.clone(), value.to_value())).collect())
            }
        }
    }

    /// Tells whether it is nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    /// Returns its text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// Returns its fields, where it is a mapping.
    pub(super) fn fields(&self) -> &[(String, Self)] {
        match &self.content {
            Content::Map(fields) => fields,
            _ => &[],
        }
    }

    /// Returns its items, where it is a list.
    pub(super) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// Returns what stands at a path of keys.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| {
            tree.fields().iter().find(|(name, _)| name == key).map(|(_, value)| value)
        })
    }

    /// Returns what stands at a path of keys.
    pub(super) fn get_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        path.iter().try_fold(self, |tree, key| match &mut tree.content {
            Content::Map(fields) => fields.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        })
    }

    /// Puts a value at a path of keys; mappings on the way are made where there are none.
    pub(super) fn set(&mut self, path: &[&str], value: Self) {
        let Some((key, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        if !matches!(self.content, Content::Map(_)) {
            *self = Self::map(value.origin.clone());
        }
        let Content::Map(fields) = &mut self.content else { return };
        if let Some((_, inner)) = fields.iter_mut().find(|(name, _)| name == key) {
            inner.set(rest, value);
        } else {
            let mut inner = Self::map(value.origin.clone());
            inner.set(rest, value);
            fields.push(((*key).to_owned(), inner));
        }
    }

    /// Takes out what stands at a path of keys, and the mappings on the way that are left empty by it.
    pub(super) fn take(&mut self, path: &[&str]) -> Option<Self> {
        let (last, way) = path.split_last()?;
        let Content::Map(fields) = &mut self.get_mut(way)?.content else { return None };
        let place = fields.iter().position(|(name, _)| name == last)?;
        let (_, taken) = fields.remove(place);
        if fields.is_empty() && !way.is_empty() {
            self.take(way);
        }
        Some(taken)
    }

    /// Takes out every field that is nothing.
    pub(super) fn prune(&mut self) {
        match &mut self.content {
            Content::Map(fields) => {
                fields.retain(|(_, value)| !value.is_null());
                for (_, value) in fields {
                    value.prune();
                }
            }
            Content::List(items) => items.iter_mut().for_each(Self::prune),
            Content::Scalar(_) => {}
        }
    }

    /// Changes every field of one of these names, wherever it is.
    pub(super) fn change(&mut self, names: &[&str], change: &impl Fn(&mut Self)) {
        match &mut self.content {
            Content::Map(fields) => {
                for (key, value) in fields {
                    if names.contains(&key.as_str()) { change(value) } else { value.change(names, change) }
                }
            }
            Content::List(items) => items.iter_mut().for_each(|item| item.change(names, change)),
            Content::Scalar(_) => {}
        }
    }
}

/// Writes a key as it stands in a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_knows_its_place() {
        let value = json!({"a": {"b/c": [1, {"d": null}]}});
        let tree = Tree::read(&value, &|pointer| Origin::Clusterfile(pointer.to_owned()));
        assert_eq!(tree.to_value(), value);
        let item = &tree.get(&["a", "b/c"]).unwrap().items()[1];
        assert_eq!(item.get(&["d"]).unwrap().origin.to_string(), "/a/b~1c/1/d");
    }

    #[test]
    fn what_is_taken_leaves_no_empty_mappings() {
        let mut tree = Tree::of(&json!({"a": {"b": {"c": 1}}, "d": {"e": 1, "f": 2}}), &Origin::BuiltIn);
        assert_eq!(tree.take(&["a", "b", "c"]).unwrap().to_value(), json!(1));
        assert_eq!(tree.take(&["d", "e"]).unwrap().to_value(), json!(1));
        assert_eq!(tree.take(&["d", "x"]), None);
        assert_eq!(tree.to_value(), json!({"d": {"f": 2}}));
        tree.set(&["a", "b"], Tree::of(&json!(3), &Origin::BuiltIn));
        assert_eq!(tree.to_value(), json!({"d": {"f": 2}, "a": {"b": 3}}));
    }
}
