//! The values of a template: what Go's `any` holds there, with dicts that are shared and can be changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::semver::Version;

/// A value, with Go's distinction of `int` and `int64`, which `typeOf` and `printf "%T"` show.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Go's nil, and what a missing key gives.
    Nil,
    /// A truth value.
    Bool(bool),
    /// Go's `int`: literals, `len`, `until`, `int`.
    Int(i64),
    /// Go's `int64`: the results of sprig's arithmetic.
    Int64(i64),
    /// Go's `float64`.
    Float(f64),
    /// Go's `string`, of which only UTF-8 is supported here.
    Text(Rc<str>),
    /// Go's slices.
    List(List),
    /// Go's maps with string keys.
    Dict(Dict),
    /// What sprig's `semver` gives.
    Version(Rc<Version>),
}

/// What Go's type of a list or a dict says about its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `[]interface {}`
    List,
}

impl Member {
    fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::List => "[]interface {}",
        }
    }
}

/// A list that is never changed.
#[derive(Debug, Clone)]
pub(super) struct List {
    /// The static type of the members.
    pub(super) member: Member,
    items: Rc<Items>,
}

/// The items, apart so that they can be taken down without recursion.
#[derive(Debug, Default)]
struct Items(Vec<Value>);

impl List {
    /// Makes a list of `member`s.
    pub(super) fn new(member: Member, items: Vec<Value>) -> Self {
        Self { member, items: Rc::new(Items(items)) }
    }

    /// Returns the items.
    pub(super) fn items(&self) -> &[Value] {
        &self.items.0
    }
}

/// A dict; its clones are the same dict, as Go's maps are.
#[derive(Debug, Clone)]
pub(super) struct Dict {
    /// The static type of the members.
    pub(super) member: Member,
    entries: Rc<Entries>,
}

/// The entries, apart so that they can be taken down without recursion.
#[derive(Debug, Default)]
struct Entries(RefCell<BTreeMap<Rc<str>, Value>>);

impl Dict {
    /// Makes a dict of anything.
    pub(super) fn new(entries: impl IntoIterator<Item = (Rc<str>, Value)>) -> Self {
        Self::of(Member::Any, entries)
    }

    /// Makes a dict of `member`s.
    pub(super) fn of(member: Member, entries: impl IntoIterator<Item = (Rc<str>, Value)>) -> Self {
        Self { member, entries: Rc::new(Entries(RefCell::new(entries.into_iter().collect()))) }
    }

    /// Returns the value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<Value> {
        self.entries.0.borrow().get(key).cloned()
    }

    /// Tells whether `key` is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.0.borrow().contains_key(key)
    }

    /// Gives `key` a value.
    pub(super) fn set(&self, key: Rc<str>, value: Value) {
        let before = self.entries.0.borrow_mut().insert(key, value);
        drop(before);
    }

    /// Takes `key` away.
    pub(super) fn unset(&self, key: &str) {
        let before = self.entries.0.borrow_mut().remove(key);
        drop(before);
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.0.borrow().len()
    }

    /// Returns what is in the dict now, ordered by key; nothing stays borrowed.
    pub(super) fn entries(&self) -> Vec<(Rc<str>, Value)> {
        self.entries.0.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Tells whether both are the same dict, not only equal ones.
    pub(super) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        take_down(std::mem::take(&mut self.0));
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        take_down(std::mem::take(self.0.get_mut()).into_values().collect());
    }
}

/// Drops values level by level: a template can nest them deeper than the stack is.
fn take_down(mut waiting: Vec<Value>) {
    while let Some(value) = waiting.pop() {
        match value {
            Value::List(list) => {
                if let Some(mut items) = Rc::into_inner(list.items) {
                    waiting.append(&mut items.0);
                }
            }
            Value::Dict(dict) => {
                if let Some(mut entries) = Rc::into_inner(dict.entries) {
                    waiting.extend(std::mem::take(entries.0.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}

impl Value {
    /// Makes a text.
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Makes a list of anything.
    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(Member::Any, items))
    }

    /// Makes a list of texts.
    pub(super) fn texts<T: Into<Rc<str>>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(List::new(Member::Text, items.into_iter().map(Self::text).collect()))
    }

    /// Tells whether `if` takes the value for true; sprig's `empty` is the opposite of the same rule.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) | Self::Int64(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.items().is_empty(),
            Self::Dict(dict) => dict.len() > 0,
            Self::Version(_) => true,
        }
    }

    /// Tells whether the value is Go's nil.
    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Returns the name of the type, as Go's `%T` prints it.
    pub(super) fn type_name(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(_) => "int".to_owned(),
            Self::Int64(_) => "int64".to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::Text(_) => "string".to_owned(),
            Self::List(list) => format!("[]{}", list.member.type_name()),
            Self::Dict(dict) => format!("map[string]{}", dict.member.type_name()),
            Self::Version(_) => "*semver.Version".to_owned(),
        }
    }

    /// Returns the name of the kind, as Go's `reflect` has it.
    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Dict(_) => "map",
            Self::Version(_) => "ptr",
        }
    }

    /// Says in words what the value is, for messages.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Nil => "no value".to_owned(),
            Self::Bool(truth) => format!("the truth value {truth}"),
            Self::Int(number) | Self::Int64(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number}"),
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Dict(_) => "a dict".to_owned(),
            Self::Version(_) => "a version".to_owned(),
        }
    }

    /// Returns about how much work it is to handle the value.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.items().len(),
            Self::Dict(dict) => dict.len(),
            _ => 1,
        }
    }
}
