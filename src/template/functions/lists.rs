//! sprig's functions for lists.

use super::Room;
use super::reflection::{deep_equal, to_int};
use super::signature::Rest;
use crate::template::failure::{Failure, Outcome};
use crate::template::limits::check_list;
use crate::template::print::plain;
use crate::template::value::{List, Member, Value};

pub(super) fn add(room: &mut Room) {
    room.add_as(&["list", "tuple"], |Rest(items): Rest<Value>| Value::list(items));
    room.add_as(&["first", "mustFirst"], |list: List| list.items().first().cloned().unwrap_or(Value::Nil));
    room.add_as(&["last", "mustLast"], |list: List| list.items().last().cloned().unwrap_or(Value::Nil));
    room.add_as(&["rest", "mustRest"], |list: List| {
        Value::list(list.items().iter().skip(1).cloned().collect())
    });
    room.add_as(&["initial", "mustInitial"], |list: List| {
        Value::list(list.items().split_last().map(|(_, initial)| initial.to_vec()).unwrap_or_default())
    });
    room.add_as(&["append", "push", "mustAppend", "mustPush"], |list: List, item: Value| {
        Value::list(list.items().iter().cloned().chain([item]).collect())
    });
    room.add_as(&["prepend", "mustPrepend"], |list: List, item: Value| {
        Value::list(std::iter::once(item).chain(list.items().iter().cloned()).collect())
    });
    room.add("concat", |Rest(lists): Rest<List>| concat(&lists));
    room.add_as(&["reverse", "mustReverse"], |list: List| {
        Value::list(list.items().iter().rev().cloned().collect())
    });
    room.add_as(&["uniq", "mustUniq"], |list: List| uniq(&list));
    room.add_as(&["without", "mustWithout"], |list: List, Rest(omitted): Rest<Value>| {
        filtered(&list, |item| Ok(!contains(&omitted, item)?))
    });
    room.add_as(&["has", "mustHas"], |item: Value, list: Value| has(&item, &list));
    room.add_as(&["compact", "mustCompact"], |list: List| filtered(&list, |item| Ok(item.is_true())));
    room.add_as(&["chunk", "mustChunk"], |size: i64, list: List| chunk(size, &list));
    room.add("join", |separator: std::rc::Rc<str>, value: Value| join(&separator, &value));
    room.add("sortAlpha", |value: Value| sort_alpha(&value));
    room.add("toStrings", |value: Value| texts(&value).map(Value::texts));
}

fn concat(lists: &[List]) -> Outcome<Value> {
    check_list(lists.iter().map(|list| list.items().len()).sum())?;
    Ok(Value::list(lists.iter().flat_map(List::items).cloned().collect()))
}

fn contains(items: &[Value], wanted: &Value) -> Outcome<bool> {
    for item in items {
        if deep_equal(item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn filtered(list: &List, keep: impl Fn(&Value) -> Outcome<bool>) -> Outcome<Value> {
    let mut kept = Vec::new();
    for item in list.items() {
        if keep(item)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

/// The longest list whose items are compared each with each.
const LONGEST_UNIQ: usize = 10_000;

fn uniq(list: &List) -> Outcome<Value> {
    if list.items().len() > LONGEST_UNIQ {
        return Err(Failure::new(format!("the list has more than {LONGEST_UNIQ} items")));
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in list.items() {
        if !contains(&kept, item)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn has(item: &Value, list: &Value) -> Outcome<bool> {
    match list {
        Value::Nil => Ok(false),
        Value::List(list) => contains(list.items(), item),
        other => Err(Failure::new(format!("argument 2 has to be a list, and is {}", other.description()))
            .in_argument(1)),
    }
}

fn chunk(size: i64, list: &List) -> Outcome<Value> {
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| Failure::new("a chunk has at least one item").in_argument(0))?;
    let chunks = list.items().chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Ok(Value::List(List::new(Member::List, chunks)))
}

/// Returns the items as texts, nil left out; what is no list counts as a list of itself.
fn texts(value: &Value) -> Outcome<Vec<String>> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(list) => list.items().iter().filter(|item| !item.is_nil()).map(plain).collect(),
        other => Ok(vec![plain(other)?]),
    }
}

fn join(separator: &str, value: &Value) -> Outcome<String> {
    let texts = texts(value)?;
    let length = texts.iter().map(|text| text.len() + separator.len()).sum();
    crate::template::limits::check_text(length)?;
    Ok(texts.join(separator))
}

fn sort_alpha(value: &Value) -> Outcome<Value> {
    if value.is_nil() {
        return Ok(Value::texts(["<nil>"]));
    }
    let mut texts = texts(value)?;
    texts.sort();
    Ok(Value::texts(texts))
}

/// Cuts out a part: of a list as sprig does, of a text as Go's own `slice` does, which sprig hides.
pub(super) fn cut(value: &Value, indexes: &[Value]) -> Outcome<Value> {
    let length = match value {
        Value::List(list) => list.items().len(),
        Value::Text(text) => text.len(),
        other => return Err(Failure::new(format!("{} cannot be cut", other.description())).in_argument(0)),
    };
    let bound = |position: usize, default: usize| match indexes.get(position) {
        None => Ok(default),
        Some(index) => usize::try_from(to_int(index)).map_err(|_| ()),
    };
    let beyond = || Failure::new(format!("the part lies outside of the {length} that there are"));
    let begin = bound(0, 0).map_err(|()| beyond().in_argument(1))?;
    let end = bound(1, length).map_err(|()| beyond().in_argument(2))?;
    match value {
        Value::List(list) if list.items().is_empty() => Ok(Value::Nil),
        Value::List(list) => {
            let part = list.items().get(begin..end).ok_or_else(beyond)?;
            Ok(Value::List(List::new(list.member, part.to_vec())))
        }
        Value::Text(text) => Ok(Value::text(text.get(begin..end).ok_or_else(beyond)?)),
        _ => Ok(Value::Nil),
    }
}
