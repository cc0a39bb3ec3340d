//! What sprig asks about values: emptiness, types, equality, and how it makes numbers of them.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Room;
use super::signature::Rest;
use crate::template::failure::{Failure, Outcome};
use crate::template::lexer::Token;
use crate::template::limits::check_depth;
use crate::template::literal;
use crate::template::print::plain;
use crate::template::semver::{Constraint, Version};
use crate::template::value::{Dict, List, Value};

pub(super) fn add(room: &mut Room) {
    room.add("default", |default: Value, Rest(given): Rest<Value>| {
        given.into_iter().next().filter(Value::is_true).unwrap_or(default)
    });
    room.add("empty", |value: Value| !value.is_true());
    room.add("coalesce", |Rest(values): Rest<Value>| {
        values.into_iter().find(Value::is_true).unwrap_or(Value::Nil)
    });
    room.add("all", |Rest(values): Rest<Value>| values.iter().all(Value::is_true));
    room.add("any", |Rest(values): Rest<Value>| values.iter().any(Value::is_true));
    room.add("ternary", |yes: Value, no: Value, truth: bool| if truth { yes } else { no });
    room.add("fail", |message: Rc<str>| Err::<Value, _>(Failure::new(&*message)));
    room.add("required", |message: Rc<str>, value: Value| required(&message, value));
    room.add("typeOf", |value: Value| value.type_name());
    room.add("typeIs", |name: Rc<str>, value: Value| *name == *value.type_name());
    room.add("typeIsLike", |name: Rc<str>, value: Value| {
        let known = value.type_name();
        *name == *known || Some(&*name) == known.strip_prefix('*')
    });
    room.add("kindOf", |value: Value| value.kind_name());
    room.add("kindIs", |name: Rc<str>, value: Value| *name == *value.kind_name());
    room.add("deepEqual", |left: Value, right: Value| deep_equal(&left, &right));
    room.add("toString", |value: Value| plain(&value));
    room.add("semver", |text: Rc<str>| {
        text.parse::<Version>()
            .map(|version| Value::Version(Rc::new(version)))
            .map_err(|failure| failure.in_argument(0))
    });
    room.add("semverCompare", |constraint: Rc<str>, version: Rc<str>| {
        let constraint: Constraint = constraint.parse().map_err(|failure: Failure| failure.in_argument(0))?;
        let version: Version = version.parse().map_err(|failure: Failure| failure.in_argument(1))?;
        Ok::<_, Failure>(constraint.admits(&version))
    });
}

/// Helm's: fails with the author's message when there is nothing.
fn required(message: &str, value: Value) -> Outcome<Value> {
    match &value {
        Value::Nil => Err(Failure::new(message)),
        Value::Text(text) if text.is_empty() => Err(Failure::new(message)),
        _ => Ok(value),
    }
}

/// Makes a whole number as Go's `spf13/cast` does: what is no number is zero.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Float(number) => *number as i64,
        Value::Bool(truth) => i64::from(*truth),
        Value::Text(text) => match literal::number(without_zero_decimals(text)) {
            Ok(Token::Integer(number)) => number,
            _ => 0,
        },
        Value::Nil | Value::List(_) | Value::Dict(_) | Value::Version(_) => 0,
    }
}

/// Takes `.00` off a number.
fn without_zero_decimals(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() && decimals.bytes().all(|digit| digit == b'0') => {
            whole
        }
        _ => text,
    }
}

/// Makes a fraction as Go's `spf13/cast` does: what is no number is zero.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(*truth),
        Value::Text(text) => text.parse().unwrap_or(0.0),
        Value::Nil | Value::List(_) | Value::Dict(_) | Value::Version(_) => 0.0,
    }
}

/// Compares as Go's `reflect.DeepEqual` does: types have to be the same, `int` and `int64` are not.
pub(super) fn deep_equal(left: &Value, right: &Value) -> Outcome<bool> {
    equal(left, right, 0, &mut MOST_COMPARISONS.clone())
}

/// How many members one comparison or one copy may visit: lists that share their items can be huge.
const MOST_COMPARISONS: usize = 1 << 20;

fn visit(left: &mut usize) -> Outcome<()> {
    *left = left.checked_sub(1).ok_or_else(|| Failure::new("the value has too many members"))?;
    Ok(())
}

fn equal(left: &Value, right: &Value, depth: usize, visits: &mut usize) -> Outcome<bool> {
    check_depth(depth)?;
    visit(visits)?;
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) | (Value::Int64(left), Value::Int64(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right) == Some(Ordering::Equal),
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Version(left), Value::Version(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            if left.member != right.member || left.items().len() != right.items().len() {
                return Ok(false);
            }
            for (left, right) in left.items().iter().zip(right.items()) {
                if !equal(left, right, depth + 1, visits)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(left), Value::Dict(right)) => {
            if left.is(right) {
                return Ok(true);
            }
            let (entries, others) = (left.entries(), right.entries());
            if left.member != right.member || entries.len() != others.len() {
                return Ok(false);
            }
            for ((key, left), (other, right)) in entries.iter().zip(&others) {
                if key != other || !equal(left, right, depth + 1, visits)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

/// Copies a value so that no dict in it is shared.
pub(super) fn deep_copy(value: &Value) -> Outcome<Value> {
    copy(value, 0, &mut MOST_COMPARISONS.clone())
}

fn copy(value: &Value, depth: usize, visits: &mut usize) -> Outcome<Value> {
    check_depth(depth)?;
    visit(visits)?;
    Ok(match value {
        Value::List(list) => {
            let items =
                list.items().iter().map(|item| copy(item, depth + 1, visits)).collect::<Outcome<_>>()?;
            Value::List(List::new(list.member, items))
        }
        Value::Dict(dict) => {
            let mut entries = Vec::with_capacity(dict.len());
            for (key, item) in dict.entries() {
                entries.push((key, copy(&item, depth + 1, visits)?));
            }
            Value::Dict(Dict::of(dict.member, entries))
        }
        other => other.clone(),
    })
}
