//! sprig's functions for dicts.

use std::rc::Rc;

use super::Room;
use super::reflection::deep_copy;
use super::signature::{Rest, Seen};
use crate::template::failure::{Failure, Outcome};
use crate::template::limits::check_depth;
use crate::template::print::plain;
use crate::template::value::{Dict, Value};

pub(super) fn add(room: &mut Room) {
    room.add("dict", |Rest(values): Rest<Value>| dict(&values));
    room.add("get", |Seen(dict): Seen, key: Rc<str>| dict.get(&key).unwrap_or_else(|| Value::text("")));
    room.add("set", |dict: Dict, key: Rc<str>, value: Value| {
        dict.set(key, value);
        Value::Dict(dict)
    });
    room.add("unset", |dict: Dict, key: Rc<str>| {
        dict.unset(&key);
        Value::Dict(dict)
    });
    room.add("hasKey", |Seen(dict): Seen, key: Rc<str>| dict.has(&key));
    room.add("pluck", |key: Rc<str>, Rest(dicts): Rest<Seen>| {
        Value::list(dicts.iter().filter_map(|Seen(dict)| dict.get(&key)).collect())
    });
    // Go gives keys and values in random order; here they are sorted by key.
    room.add("keys", |Rest(dicts): Rest<Seen>| {
        Value::texts(dicts.iter().flat_map(|Seen(dict)| dict.entries()).map(|(key, _)| key))
    });
    room.add("values", |Seen(dict): Seen| {
        Value::list(dict.entries().into_iter().map(|(_, value)| value).collect())
    });
    room.add("pick", |Seen(dict): Seen, Rest(keys): Rest<Rc<str>>| {
        Value::Dict(Dict::new(keys.into_iter().filter_map(|key| dict.get(&key).map(|value| (key, value)))))
    });
    room.add("omit", |Seen(dict): Seen, Rest(keys): Rest<Rc<str>>| {
        Value::Dict(Dict::new(dict.entries().into_iter().filter(|(key, _)| !keys.contains(key))))
    });
    room.add_as(&["merge", "mustMerge"], |into: Dict, Rest(from): Rest<Dict>| {
        merge_all(into, &from, Winner::First)
    });
    room.add_as(&["mergeOverwrite", "mustMergeOverwrite"], |into: Dict, Rest(from): Rest<Dict>| {
        merge_all(into, &from, Winner::Last)
    });
    room.add("dig", |Rest(path): Rest<Value>| dig(path));
    room.add_as(&["deepCopy", "mustDeepCopy"], |value: Value| deep_copy(&value));
}

/// Makes a dict of keys and values by turns; a key at the end without a value gets an empty text.
fn dict(values: &[Value]) -> Outcome<Value> {
    let dict = Dict::new([]);
    for pair in values.chunks(2) {
        let key = plain(&pair[0])?;
        dict.set(key.into(), pair.get(1).cloned().unwrap_or_else(|| Value::text("")));
    }
    Ok(Value::Dict(dict))
}

/// Whose value stays when two dicts have the same key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Winner {
    First,
    Last,
}

fn merge_all(into: Dict, from: &[Dict], winner: Winner) -> Outcome<Value> {
    for source in from {
        merge(&into, source, winner, 0)?;
    }
    Ok(Value::Dict(into))
}

/// Merges as Go's mergo does: an empty value of the first dict counts as none.
fn merge(into: &Dict, from: &Dict, winner: Winner, depth: usize) -> Outcome<()> {
    check_depth(depth)?;
    if into.is(from) {
        return Ok(());
    }
    for (key, value) in from.entries() {
        let before = into.get(&key).filter(Value::is_true);
        match (&before, &value) {
            (Some(Value::Dict(inner)), Value::Dict(other)) => merge(inner, other, winner, depth + 1)?,
            (Some(_), _) | (None, Value::Nil) if winner == Winner::First => {}
            _ => into.set(key, value),
        }
    }
    Ok(())
}

/// Follows keys through dicts: `dig "a" "b" default dict`.
fn dig(mut path: Vec<Value>) -> Outcome<Value> {
    let wrong = || {
        Failure::new("it takes keys, a default and a dict")
            .remedy("write it as `dig \"a\" \"b\" \"default\" $dict`")
    };
    let (Some(Value::Dict(mut dict)), Some(default)) = (path.pop(), path.pop()) else { return Err(wrong()) };
    let Some(last) = path.len().checked_sub(1) else { return Err(wrong()) };
    for (index, key) in path.iter().enumerate() {
        let Value::Text(key) = key else { return Err(wrong().in_argument(index)) };
        match dict.get(key) {
            None => return Ok(default),
            Some(value) if index == last => return Ok(value),
            Some(Value::Dict(inner)) => dict = inner,
            Some(other) => {
                return Err(Failure::new(format!("`{key}` is {}, not a dict", other.description()))
                    .in_argument(index));
            }
        }
    }
    Ok(default)
}
