//! Fields laid over the fields of a file: mappings by key, lists of named things by name, `null` takes away.

use serde_json::{Map, Value};
use toml_edit::{Item, TableLike};

use crate::error::{Class, Problem, Result};

/// The deepest nesting that is followed.
const DEEPEST: usize = 128;

/// Lays one value over another; `path` tells where in messages.
///
/// Mappings merge by key, and lists whose items all have a `name` by that; other lists and all other values are replaced.
/// `null` takes a field away. A mapping or list is never replaced by something else: that is a mistake, or would be one.
pub(super) fn lay(under: &mut Value, over: &Value, path: &str) -> Result<()> {
    if path.matches('.').count() > DEEPEST {
        return Err(Problem::new(Class::Config, format!("it is nested more than {DEEPEST} deep")));
    }
    let (before, now) = (kind(under), kind(over));
    match (&mut *under, over) {
        (Value::Object(under), Value::Object(over)) => lay_fields(under, over, path),
        (Value::Array(under), Value::Array(over)) if is_named(under) && is_named(over) => {
            lay_named(under, over, path)
        }
        (Value::Null, _) => {
            *under = without_nulls(over);
            Ok(())
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_))
            if before != now =>
        {
            Err(Problem::new(
                Class::Config,
                format!("`{path}` is {before} in the file and {now} in the Config"),
            )
            .remedy("to put something else in its place, take it away first with `null`, or use `overwrite`"))
        }
        _ => {
            *under = without_nulls(over);
            Ok(())
        }
    }
}

fn lay_fields(under: &mut Map<String, Value>, over: &Map<String, Value>, path: &str) -> Result<()> {
    for (key, value) in over {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (value, under.get_mut(key)) {
            (Value::Null, _) => drop(under.shift_remove(key)),
            (value, Some(before)) => lay(before, value, &path)?,
            (value, None) => drop(under.insert(key.clone(), without_nulls(value))),
        }
    }
    Ok(())
}

fn lay_named(under: &mut Vec<Value>, over: &[Value], path: &str) -> Result<()> {
    for item in over {
        match under.iter_mut().find(|before| before["name"] == item["name"]) {
            Some(before) => lay(before, item, &format!("{path}.{}", item["name"].as_str().unwrap_or("-")))?,
            None => under.push(without_nulls(item)),
        }
    }
    Ok(())
}

fn is_named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("name").is_some_and(Value::is_string))
}

/// What is taken away where nothing is, is not there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a mapping",
        Value::Array(_) => "a list",
        _ => "a single value",
    }
}

/// Lays fields over those of a TOML table; comments, order and blank lines stay.
pub(super) fn lay_toml(under: &mut dyn TableLike, over: &Map<String, Value>, path: &str) -> Result<()> {
    for (key, value) in over {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if value.is_null() {
            under.remove(key);
            continue;
        }
        let absent = under.get(key).is_none_or(Item::is_none);
        let table = under.get_mut(key).and_then(Item::as_table_like_mut);
        match (table, value) {
            (Some(table), Value::Object(fields)) => lay_toml(table, fields, &path)?,
            (None, Value::Object(fields)) if absent => {
                let mut table = toml_edit::Table::new();
                table.set_implicit(fields.values().all(Value::is_object));
                lay_toml(&mut table, fields, &path)?;
                under.insert(key, Item::Table(table));
            }
            (Some(_), _) => return Err(toml_mismatch(&path, "a table", kind(value))),
            (None, Value::Object(_)) => return Err(toml_mismatch(&path, "a single value", "a table")),
            (None, value) => replace(under, key, to_toml(value, &path)?),
        }
    }
    Ok(())
}

fn toml_mismatch(path: &str, before: &str, now: &str) -> Problem {
    Problem::new(Class::Config, format!("`{path}` is {before} in the file and {now} in the Config"))
        .remedy("to put something else in its place, take it away first with `null`, or use `overwrite`")
}

/// Puts a value in the place of another, with the blanks and the comment beside that.
fn replace(table: &mut dyn TableLike, key: &str, mut value: toml_edit::Value) {
    if let Some(before) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = before.decor().clone();
    }
    match table.get_mut(key) {
        // The name stays as it is, with the comment above it.
        Some(before) => *before = Item::Value(value),
        None => drop(table.insert(key, Item::Value(value))),
    }
}

fn to_toml(value: &Value, path: &str) -> Result<toml_edit::Value> {
    Ok(match value {
        Value::Null => {
            return Err(Problem::new(
                Class::Config,
                format!("`{path}` has a `null` in a list, and TOML has none"),
            ));
        }
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let mut array = toml_edit::Array::new();
            for item in items {
                array.push(to_toml(item, path)?);
            }
            array.into()
        }
        Value::Object(fields) => {
            let mut table = toml_edit::InlineTable::new();
            for (key, item) in fields.iter().filter(|(_, item)| !item.is_null()) {
                table.insert(key, to_toml(item, path)?);
            }
            table.into()
        }
    })
}

/// Reads TOML as the fields it holds, for data that is written in it.
pub(super) fn from_toml(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return Value::Object(table.iter().map(|(key, item)| (key.to_owned(), from_toml(item))).collect());
    }
    match item {
        Item::Value(value) => from_toml_value(value),
        Item::ArrayOfTables(tables) => {
            Value::Array(tables.iter().map(|table| from_toml(&Item::Table(table.clone()))).collect())
        }
        _ => Value::Null,
    }
}

fn from_toml_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::String(text.value().clone()),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => (*number.value()).into(),
        toml_edit::Value::Boolean(truth) => (*truth.value()).into(),
        toml_edit::Value::Datetime(time) => Value::String(time.value().to_string()),
        toml_edit::Value::Array(items) => Value::Array(items.iter().map(from_toml_value).collect()),
        toml_edit::Value::InlineTable(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.to_owned(), from_toml_value(value))).collect())
        }
    }
}
