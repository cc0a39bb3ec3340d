//! JSON as Go's `encoding/json` reads and writes it.

use std::rc::Rc;

use super::failure::{Failure, Outcome};
use super::limits::{check_depth, check_text};
use super::print::{scientific, with_exponent};
use super::value::{Dict, Value};

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// On one line, `<`, `>` and `&` escaped.
    Compact,
    /// On one line, nothing escaped for HTML.
    Raw,
    /// On many lines, indented by two spaces.
    Pretty,
}

/// Writes a value.
pub(super) fn encode(value: &Value, style: Style) -> Outcome<String> {
    let mut output = String::new();
    write(&mut output, value, style, 0)?;
    Ok(output)
}

fn write(output: &mut String, value: &Value, style: Style, depth: usize) -> Outcome<()> {
    check_depth(depth)?;
    match value {
        Value::Nil => output.push_str("null"),
        Value::Bool(truth) => output.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => output.push_str(&number.to_string()),
        Value::Float(number) => output.push_str(&float(*number)?),
        Value::Text(text) => write_text(output, text, style),
        Value::Version(version) => write_text(output, &version.to_string(), style),
        Value::List(list) => {
            output.push('[');
            for (index, item) in list.items().iter().enumerate() {
                begin_member(output, index, style, depth + 1);
                write(output, item, style, depth + 1)?;
            }
            end_members(output, list.items().len(), style, depth);
            output.push(']');
        }
        Value::Dict(dict) => {
            let entries = dict.entries();
            output.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                begin_member(output, index, style, depth + 1);
                write_text(output, key, style);
                output.push_str(if style == Style::Pretty { ": " } else { ":" });
                write(output, item, style, depth + 1)?;
            }
            end_members(output, entries.len(), style, depth);
            output.push('}');
        }
    }
    check_text(output.len())
}

fn begin_member(output: &mut String, index: usize, style: Style, depth: usize) {
    if index > 0 {
        output.push(',');
    }
    break_line(output, style, depth);
}

fn end_members(output: &mut String, count: usize, style: Style, depth: usize) {
    if count > 0 {
        break_line(output, style, depth);
    }
}

fn break_line(output: &mut String, style: Style, depth: usize) {
    if style == Style::Pretty {
        output.push('\n');
        output.push_str(&"  ".repeat(depth));
    }
}

fn float(number: f64) -> Outcome<String> {
    if !number.is_finite() {
        return Err(Failure::new("JSON has no number for infinity or for what is not a number"));
    }
    let (digits, exponent) = scientific(&format!("{number:e}"));
    Ok(match exponent {
        -6..21 => number.to_string(),
        // Go writes e-7 here, without the zero of its other formats.
        -9..-6 => format!("{digits}e{exponent}"),
        _ => with_exponent(&digits, exponent),
    })
}

fn write_text(output: &mut String, text: &str, style: Style) {
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\u{8}' => output.push_str("\\b"),
            '\u{c}' => output.push_str("\\f"),
            '<' | '>' | '&' if style != Style::Raw => output.push_str(&unicode_escape(character)),
            '\0'..'\u{20}' | '\u{2028}' | '\u{2029}' => output.push_str(&unicode_escape(character)),
            _ => output.push(character),
        }
    }
    output.push('"');
}

fn unicode_escape(character: char) -> String {
    format!("\\u{:04x}", u32::from(character))
}

/// Reads a text; all numbers become fractions, as Go has it.
pub(super) fn decode(text: &str) -> Outcome<Value> {
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| Failure::new(format!("the text is not JSON: {error}")))?;
    from_tree(json, 0)
}

/// Turns a JSON tree into a value.
pub(super) fn from_tree(json: serde_json::Value, depth: usize) -> Outcome<Value> {
    use serde_json::Value as Json;
    check_depth(depth)?;
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::text(text),
        Json::Array(items) => {
            Value::list(items.into_iter().map(|item| from_tree(item, depth + 1)).collect::<Outcome<_>>()?)
        }
        Json::Object(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, item)| Ok((Rc::from(key), from_tree(item, depth + 1)?)))
                .collect::<Outcome<Vec<_>>>()?;
            Value::Dict(Dict::new(entries))
        }
    })
}

/// Turns a value into a JSON tree, for other encodings; whole fractions become whole numbers.
pub(super) fn to_tree(value: &Value) -> Outcome<serde_json::Value> {
    let text = encode(value, Style::Raw)?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("the value cannot be encoded: {error}")))
}
