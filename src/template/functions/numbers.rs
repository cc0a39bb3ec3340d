//! sprig's arithmetic: whole numbers of 64 bits that wrap around, fractions, and lists of numbers.

use super::Room;
use super::reflection::{to_float, to_int};
use super::signature::Rest;
use crate::template::decimal::{Operation, compute};
use crate::template::failure::{Failure, Outcome};
use crate::template::limits::check_list;
use crate::template::print::plain;
use crate::template::value::{List, Member, Value};

pub(super) fn add(room: &mut Room) {
    room.add("add1", |value: Value| Value::Int64(to_int(&value).wrapping_add(1)));
    room.add("add", |Rest(values): Rest<Value>| {
        Value::Int64(values.iter().map(to_int).fold(0, i64::wrapping_add))
    });
    room.add("sub", |left: Value, right: Value| Value::Int64(to_int(&left).wrapping_sub(to_int(&right))));
    room.add("mul", |first: Value, Rest(values): Rest<Value>| {
        Value::Int64(values.iter().map(to_int).fold(to_int(&first), i64::wrapping_mul))
    });
    room.add("div", |left: Value, right: Value| {
        divisor(&right).map(|by| Value::Int64(to_int(&left).wrapping_div(by)))
    });
    room.add("mod", |left: Value, right: Value| {
        divisor(&right).map(|by| Value::Int64(to_int(&left).wrapping_rem(by)))
    });
    room.add_as(&["max", "biggest"], |first: Value, Rest(values): Rest<Value>| {
        Value::Int64(values.iter().map(to_int).fold(to_int(&first), i64::max))
    });
    room.add("min", |first: Value, Rest(values): Rest<Value>| {
        Value::Int64(values.iter().map(to_int).fold(to_int(&first), i64::min))
    });
    room.add("add1f", |value: Value| decimal(&value, Operation::Add, &[Value::Int(1)]));
    room.add("addf", |Rest(values): Rest<Value>| decimal(&Value::Int(0), Operation::Add, &values));
    room.add("subf", |first: Value, Rest(values): Rest<Value>| decimal(&first, Operation::Subtract, &values));
    room.add("mulf", |first: Value, Rest(values): Rest<Value>| decimal(&first, Operation::Multiply, &values));
    room.add("divf", |first: Value, Rest(values): Rest<Value>| decimal(&first, Operation::Divide, &values));
    room.add("maxf", |first: Value, Rest(values): Rest<Value>| {
        values.iter().map(to_float).fold(to_float(&first), f64::max)
    });
    room.add("minf", |first: Value, Rest(values): Rest<Value>| {
        values.iter().map(to_float).fold(to_float(&first), f64::min)
    });
    room.add("ceil", |value: Value| to_float(&value).ceil());
    room.add("floor", |value: Value| to_float(&value).floor());
    room.add("round", |value: Value, places: i64, Rest(limit): Rest<f64>| {
        round(to_float(&value), places, &limit)
    });
    room.add("int", |value: Value| Value::Int(to_int(&value)));
    room.add("int64", |value: Value| Value::Int64(to_int(&value)));
    room.add("float64", |value: Value| to_float(&value));
    room.add("atoi", |text: std::rc::Rc<str>| Value::Int(text.parse().unwrap_or(0)));
    room.add("toDecimal", |value: Value| {
        plain(&value).map(|text| Value::Int64(i64::from_str_radix(&text, 8).unwrap_or(0)))
    });
    room.add("until", |count: i64| numbers(0, count, if count < 0 { -1 } else { 1 }).map(number_list));
    room.add("untilStep", |from: i64, to: i64, step: i64| numbers(from, to, step).map(number_list));
    room.add("seq", |Rest(bounds): Rest<i64>| seq(&bounds));
}

fn divisor(value: &Value) -> Outcome<i64> {
    match to_int(value) {
        0 => Err(Failure::new("a division by zero").in_argument(1)),
        number => Ok(number),
    }
}

fn decimal(first: &Value, operation: Operation, values: &[Value]) -> Outcome<f64> {
    values.iter().map(to_float).try_fold(to_float(first), |left, right| {
        compute(left, operation, right).ok_or_else(|| Failure::new("a division by zero"))
    })
}

/// Rounds at a number of decimal places; a fraction of `limit` or more, half without one, goes up.
fn round(number: f64, places: i64, limit: &[f64]) -> f64 {
    let power = 10_f64.powi(i32::try_from(places).unwrap_or(i32::MAX));
    let scaled = power * number;
    let limit = limit.first().copied().unwrap_or(0.5);
    let rounded = if scaled.fract() >= limit { scaled.ceil() } else { scaled.floor() };
    rounded / power
}

/// Counts from `from` to before `to`; a step in the wrong direction gives nothing.
fn numbers(from: i64, to: i64, step: i64) -> Outcome<Vec<i64>> {
    let forward = to >= from;
    if step == 0 || forward != (step > 0) {
        return Ok(Vec::new());
    }
    let count = to.abs_diff(from).div_ceil(step.unsigned_abs());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    check_list(count)?;
    Ok(std::iter::successors(Some(from), |number| number.checked_add(step)).take(count).collect())
}

fn number_list(numbers: Vec<i64>) -> Value {
    Value::List(List::new(Member::Int, numbers.into_iter().map(Value::Int).collect()))
}

/// Counts like the command `seq`, both ends included.
fn seq(bounds: &[i64]) -> Outcome<String> {
    let (from, step, to) = match *bounds {
        [to] => (1, None, to),
        [from, to] => (from, None, to),
        [from, step, to] => (from, Some(step), to),
        _ => return Ok(String::new()),
    };
    let direction = if to < from { -1 } else { 1 };
    let counted = numbers(from, to.saturating_add(direction), step.unwrap_or(direction))?;
    Ok(counted.iter().map(i64::to_string).collect::<Vec<_>>().join(" "))
}
