//! Go's comparisons: `eq` and its like, which refuse to compare what has different types.

use std::cmp::Ordering;

use super::Room;
use super::signature::Rest;
use crate::template::failure::{Failure, Outcome};
use crate::template::value::Value;

pub(super) fn add(room: &mut Room) {
    room.add("eq", |first: Value, second: Value, Rest(others): Rest<Value>| {
        equals_any(&first, &second, &others)
    });
    room.add("ne", |left: Value, right: Value| equals(&left, &right).map(|equal| !equal));
    room.add("lt", |left: Value, right: Value| {
        order(&left, &right).map(|order| order == Some(Ordering::Less))
    });
    room.add("le", |left: Value, right: Value| {
        Ok::<_, Failure>(matches!(order(&left, &right)?, Some(Ordering::Less | Ordering::Equal)))
    });
    room.add("gt", |left: Value, right: Value| {
        order(&left, &right).map(|order| order == Some(Ordering::Greater))
    });
    room.add("ge", |left: Value, right: Value| {
        Ok::<_, Failure>(matches!(order(&left, &right)?, Some(Ordering::Greater | Ordering::Equal)))
    });
}

fn equals_any(first: &Value, second: &Value, others: &[Value]) -> Outcome<bool> {
    for other in std::iter::once(second).chain(others) {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Nothing equals nil but nil; a missing variable is not equal to the empty text.
fn equals(left: &Value, right: &Value) -> Outcome<bool> {
    match (left, right) {
        (Value::Nil, other) | (other, Value::Nil) => Ok(other.is_nil()),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Version(left), Value::Version(right)) => Ok(std::rc::Rc::ptr_eq(left, right)),
        (Value::List(_) | Value::Dict(_), Value::List(_) | Value::Dict(_)) => {
            Err(Failure::new("lists and dicts cannot be compared with eq or ne").remedy("use deepEqual"))
        }
        _ => Ok(order(left, right)? == Some(Ordering::Equal)),
    }
}

/// Returns the order of two values of one type; numbers that are not ordered have none.
fn order(left: &Value, right: &Value) -> Outcome<Option<Ordering>> {
    match (left, right) {
        (Value::Int(left) | Value::Int64(left), Value::Int(right) | Value::Int64(right)) => {
            Ok(Some(left.cmp(right)))
        }
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        _ => {
            let failure = Failure::new(format!(
                "{} cannot be compared with {}",
                left.description(),
                right.description()
            ));
            Err(match (left, right) {
                (Value::Text(_), Value::Int(_) | Value::Int64(_)) | (Value::Int(_) | Value::Int64(_), Value::Text(_)) => {
                    failure.remedy("variables are texts: compare with a text (`eq .N \"3\"`) or make a number of it (`eq (int .N) 3`)")
                }
                (Value::Nil, _) | (_, Value::Nil) => failure.remedy("give it a default: `(default \"…\" .NAME)`"),
                _ => failure,
            })
        }
    }
}
