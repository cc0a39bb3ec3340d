//! Prints values as Go's `fmt` does with `%v`, and quotes texts as its `%q` does.

use super::failure::Outcome;
use super::limits::{check_depth, check_text};
use super::value::Value;

/// What Go prints where a value is missing and nothing else was asked for.
pub(super) const NO_VALUE: &str = "<no value>";

/// What Go's `fmt` prints for nil.
pub(super) const NIL: &str = "<nil>";

/// Prints a value as `%v` does.
pub(super) fn plain(value: &Value) -> Outcome<String> {
    let mut output = String::new();
    write_plain(&mut output, value, 0)?;
    Ok(output)
}

fn write_plain(output: &mut String, value: &Value, depth: usize) -> Outcome<()> {
    check_depth(depth)?;
    match value {
        Value::Nil => output.push_str(NIL),
        Value::Bool(truth) => output.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => output.push_str(&number.to_string()),
        Value::Float(number) => output.push_str(&shortest(*number)),
        Value::Text(text) => output.push_str(text),
        Value::Version(version) => output.push_str(&version.to_string()),
        Value::List(list) => {
            output.push('[');
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    output.push(' ');
                }
                write_plain(output, item, depth + 1)?;
            }
            output.push(']');
        }
        Value::Dict(dict) => {
            output.push_str("map[");
            for (index, (key, item)) in dict.entries().iter().enumerate() {
                if index > 0 {
                    output.push(' ');
                }
                output.push_str(key);
                output.push(':');
                write_plain(output, item, depth + 1)?;
            }
            output.push(']');
        }
    }
    check_text(output.len())
}

/// Prints all values as Go's `Sprint` does: a space only between two that are not texts.
pub(super) fn sprint(values: &[Value]) -> Outcome<String> {
    let mut output = String::new();
    let is_text = |value: &Value| matches!(value, Value::Text(_));
    for (index, value) in values.iter().enumerate() {
        if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
            output.push(' ');
        }
        write_plain(&mut output, value, 0)?;
    }
    Ok(output)
}

/// Prints a number as Go's `%g` does: the fewest digits that name it, with an exponent from 1e+06 on.
pub(super) fn shortest(number: f64) -> String {
    if let Some(text) = not_finite(number) {
        return text.to_owned();
    }
    let (digits, exponent) = scientific(&format!("{number:e}"));
    if (-4..6).contains(&exponent) { format!("{number}") } else { with_exponent(&digits, exponent) }
}

/// Returns Go's words for what is not a finite number.
pub(super) fn not_finite(number: f64) -> Option<&'static str> {
    match number {
        _ if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// Splits what Rust prints with `{:e}` into its digits and its exponent.
pub(super) fn scientific(text: &str) -> (String, i32) {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

/// Writes an exponent as Go does: with a sign and two digits at least.
pub(super) fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Quotes a text as Go's `%q` does.
pub(super) fn quote(text: &str) -> String {
    let mut output = String::with_capacity(text.len() + 2);
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            _ => escape(&mut output, character),
        }
    }
    output.push('"');
    output
}

/// Quotes a character as Go's `%q` does for a number.
pub(super) fn quote_character(character: char) -> String {
    let mut output = "'".to_owned();
    match character {
        '\'' => output.push_str("\\'"),
        _ => escape(&mut output, character),
    }
    output.push('\'');
    output
}

fn escape(output: &mut String, character: char) {
    match character {
        '\\' => output.push_str("\\\\"),
        '\u{7}' => output.push_str("\\a"),
        '\u{8}' => output.push_str("\\b"),
        '\u{c}' => output.push_str("\\f"),
        '\n' => output.push_str("\\n"),
        '\r' => output.push_str("\\r"),
        '\t' => output.push_str("\\t"),
        '\u{b}' => output.push_str("\\v"),
        _ if is_printable(character) => output.push(character),
        _ => output.push_str(&numeric_escape(u32::from(character))),
    }
}

fn numeric_escape(code: u32) -> String {
    match code {
        0..0x80 => format!("\\x{code:02x}"),
        0x80..0x1_0000 => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

/// Tells whether Go's `unicode.IsPrint` holds: letters, marks, numbers, punctuation, symbols and the space.
pub(super) fn is_printable(character: char) -> bool {
    // Rust's own rule is the same one, except that it escapes a mark that stands first.
    matches!(character, '"' | '\'' | '\\')
        || !format!("a{character}").escape_debug().skip(1).any(|c| c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped_as_go_does() {
        assert_eq!(
            quote("a\"\\\n\u{7f}\u{1}é\u{301}\u{a0}\u{200b}😀"),
            "\"a\\\"\\\\\\n\\x7f\\x01é\u{301}\\u00a0\\u200b😀\""
        );
    }

    #[test]
    fn a_value_that_holds_itself_is_refused() {
        let dict = crate::template::value::Dict::new([]);
        dict.set("self".into(), Value::Dict(dict.clone()));
        assert!(plain(&Value::Dict(dict.clone())).unwrap_err().message.contains("holds itself"));
        dict.unset("self");
    }

    #[test]
    fn a_value_deeper_than_the_stack_is_dropped() {
        let mut value = Value::Nil;
        for _ in 0..1_000_000 {
            value = Value::list(vec![value]);
        }
        assert!(plain(&value).is_err());
    }
}
