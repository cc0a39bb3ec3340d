//! TOML as Go's `BurntSushi/toml` writes it: keys sorted, tables after what is no table, indented by their depth.

use super::failure::{Failure, Outcome};
use super::limits::{check_depth, check_text};
use super::value::{Dict, Value};

/// Writes a dict as a TOML document.
pub(super) fn encode(value: &Value) -> Outcome<String> {
    let Value::Dict(dict) = value else {
        return Err(
            Failure::new(format!("TOML is made of a dict, not of {}", value.description())).in_argument(0)
        );
    };
    let mut output = String::new();
    members(&mut output, &mut Vec::new(), dict)?;
    Ok(output)
}

/// Writes what is in a table: values first, then the tables in it.
fn members(output: &mut String, path: &mut Vec<String>, dict: &Dict) -> Outcome<()> {
    check_depth(path.len())?;
    let (tables, values): (Vec<_>, Vec<_>) =
        dict.entries().into_iter().partition(|(_, value)| is_table(value) || is_tables(value));
    for (key, value) in values.iter().filter(|(_, value)| !value.is_nil()) {
        indent(output, path.len());
        output.push_str(&quoted_key(key));
        output.push_str(" = ");
        element(output, value, 0)?;
        output.push('\n');
    }
    for (key, value) in tables {
        path.push(quoted_key(&key));
        match &value {
            Value::Dict(inner) => {
                // Between tables at the top there is a line.
                if path.len() == 1 && !output.is_empty() {
                    output.push('\n');
                }
                header(output, path, "[", "]");
                members(output, path, inner)?;
            }
            Value::List(list) => {
                for item in list.items() {
                    let Value::Dict(inner) = item else { continue };
                    if !output.is_empty() {
                        output.push('\n');
                    }
                    header(output, path, "[[", "]]");
                    members(output, path, inner)?;
                }
            }
            _ => {}
        }
        path.pop();
    }
    check_text(output.len())
}

fn header(output: &mut String, path: &[String], open: &str, close: &str) {
    indent(output, path.len() - 1);
    output.push_str(open);
    output.push_str(&path.join("."));
    output.push_str(close);
    output.push('\n');
}

fn indent(output: &mut String, depth: usize) {
    output.push_str(&"  ".repeat(depth));
}

fn is_table(value: &Value) -> bool {
    matches!(value, Value::Dict(_))
}

fn is_tables(value: &Value) -> bool {
    matches!(value, Value::List(list) if !list.items().is_empty() && list.items().iter().all(is_table))
}

/// Writes a value on one line.
fn element(output: &mut String, value: &Value, depth: usize) -> Outcome<()> {
    check_depth(depth)?;
    match value {
        Value::Nil => return Err(Failure::new("TOML has no list with nothing in one of its places")),
        Value::Bool(truth) => output.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => output.push_str(&number.to_string()),
        Value::Float(number) => output.push_str(&float(*number)),
        Value::Text(text) => output.push_str(&quoted(text)),
        Value::Version(version) => output.push_str(&quoted(&version.to_string())),
        Value::List(list) => {
            output.push('[');
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    output.push_str(", ");
                }
                element(output, item, depth + 1)?;
            }
            output.push(']');
        }
        Value::Dict(dict) => {
            output.push('{');
            for (index, (key, item)) in dict.entries().iter().filter(|(_, item)| !item.is_nil()).enumerate() {
                if index > 0 {
                    output.push_str(", ");
                }
                output.push_str(&quoted_key(key));
                output.push_str(" = ");
                element(output, item, depth + 1)?;
            }
            output.push('}');
        }
    }
    check_text(output.len())
}

fn float(number: f64) -> String {
    match number {
        _ if number.is_nan() => "nan".to_owned(),
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        _ => {
            let text = number.to_string();
            if text.contains('.') { text } else { format!("{text}.0") }
        }
    }
}

fn quoted_key(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut output = String::with_capacity(text.len() + 2);
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\u{8}' => output.push_str("\\b"),
            '\t' => output.push_str("\\t"),
            '\n' => output.push_str("\\n"),
            '\u{c}' => output.push_str("\\f"),
            '\r' => output.push_str("\\r"),
            '\0'..'\u{20}' | '\u{7f}' => output.push_str(&escaped(character)),
            _ => output.push(character),
        }
    }
    output.push('"');
    output
}

fn escaped(character: char) -> String {
    format!("\\u{:04x}", u32::from(character))
}
