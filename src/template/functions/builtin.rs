//! Go's own functions: printing, escaping, and what looks into lists, dicts and texts.

use std::rc::Rc;

use super::Room;
use super::lists::cut;
use super::signature::Rest;
use crate::template::failure::{Failure, Outcome};
use crate::template::print::{NO_VALUE, is_printable, sprint};
use crate::template::printf::sprintf;
use crate::template::value::Value;

pub(super) fn add(room: &mut Room) {
    // The executor evaluates these two itself; here they only have their names and shapes.
    room.add("and", |first: Value, Rest(_): Rest<Value>| first);
    room.add("or", |first: Value, Rest(_): Rest<Value>| first);
    room.add("not", |value: Value| !value.is_true());
    room.add("print", |Rest(values): Rest<Value>| sprint(&values));
    room.add("println", |Rest(values): Rest<Value>| println(&values));
    room.add("printf", |format: Rc<str>, Rest(values): Rest<Value>| sprintf(&format, &values));
    room.add("html", |Rest(values): Rest<Value>| printed(&values).map(|text| html(&text)));
    room.add("js", |Rest(values): Rest<Value>| printed(&values).map(|text| js(&text)));
    room.add("urlquery", |Rest(values): Rest<Value>| printed(&values).map(|text| url_query(&text)));
    room.add("len", |value: Value| length(&value));
    room.add("index", |value: Value, Rest(indexes): Rest<Value>| index(value, &indexes));
    room.add_as(&["slice", "mustSlice"], |value: Value, Rest(indexes): Rest<Value>| cut(&value, &indexes));
}

fn println(values: &[Value]) -> Outcome<String> {
    let words =
        values.iter().map(|value| sprint(std::slice::from_ref(value))).collect::<Outcome<Vec<_>>>()?;
    Ok(words.join(" ") + "\n")
}

/// Prints what the escaping functions are given; what is missing is printed as `{{ }}` does it.
fn printed(values: &[Value]) -> Outcome<String> {
    let shown = |value: &Value| if value.is_nil() { Value::text(NO_VALUE) } else { value.clone() };
    sprint(&values.iter().map(shown).collect::<Vec<_>>())
}

fn html(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => output.push('\u{fffd}'),
            '"' => output.push_str("&#34;"),
            '\'' => output.push_str("&#39;"),
            '&' => output.push_str("&amp;"),
            '<' => output.push_str("&lt;"),
            '>' => output.push_str("&gt;"),
            _ => output.push(character),
        }
    }
    output
}

fn js(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '\'' | '"' => output.extend(['\\', character]),
            '<' | '>' | '&' | '=' | '\0'..' ' => output.push_str(&js_escape(character)),
            _ if character.is_ascii() || is_printable(character) => output.push(character),
            _ => output.push_str(&js_escape(character)),
        }
    }
    output
}

fn js_escape(character: char) -> String {
    format!("\\u{:04X}", u32::from(character))
}

fn url_query(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                output.push(char::from(byte));
            }
            b' ' => output.push('+'),
            _ => output.extend(["%".to_owned(), hex::encode_upper([byte])]),
        }
    }
    output
}

fn length(value: &Value) -> Outcome<Value> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Dict(dict) => dict.len(),
        other => {
            return Err(Failure::new(format!("{} has no length", other.description())).in_argument(0));
        }
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(mut value: Value, indexes: &[Value]) -> Outcome<Value> {
    if value.is_nil() {
        return Err(Failure::new("there is nothing to look into").in_argument(0));
    }
    for (position, index) in indexes.iter().enumerate() {
        let wrong = |what: String| Failure::new(what).in_argument(position + 1);
        value =
            match (&value, index) {
                (Value::Dict(dict), Value::Text(key)) => match dict.get(key) {
                    Some(value) => value,
                    None if dict.member == crate::template::value::Member::Text => Value::text(""),
                    None => Value::Nil,
                },
                (Value::Dict(_), other) => {
                    return Err(wrong(format!("{} is no key of a dict", other.description())));
                }
                (Value::List(list), Value::Int(number) | Value::Int64(number)) => {
                    let items = list.items();
                    let item = usize::try_from(*number).ok().and_then(|number| items.get(number));
                    item.ok_or_else(|| wrong(format!("{number} is beyond the list's {} items", items.len())))?
                        .clone()
                }
                (Value::Text(text), Value::Int(number) | Value::Int64(number)) => {
                    let byte = usize::try_from(*number).ok().and_then(|number| text.as_bytes().get(number));
                    Value::Int(i64::from(*byte.ok_or_else(|| {
                        wrong(format!("{number} is beyond the text's {} bytes", text.len()))
                    })?))
                }
                (Value::List(_) | Value::Text(_), other) => {
                    return Err(wrong(format!("{} is no position", other.description())));
                }
                (other, _) => return Err(wrong(format!("{} has nothing in it", other.description()))),
            };
    }
    Ok(value)
}
