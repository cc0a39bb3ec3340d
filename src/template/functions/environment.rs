//! `env` and `expandenv`: what they find is the template's own variables, and never the environment of a process.

use std::rc::Rc;

use super::Room;

pub(super) fn add(room: &mut Room) {
    // The executor knows the variables; here the two only have their names and shapes.
    room.add("env", |name: Rc<str>| name.to_string());
    room.add("expandenv", |text: Rc<str>| text.to_string());
}

/// Puts values in the place of `$NAME` and `${NAME}`, by the rules of Go's `os.Expand`: what is not known gives nothing, and a
/// brace without its end is dropped.
pub(in crate::template) fn expand(text: &str, value_of: impl Fn(&str) -> String) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        output.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if after.is_empty() {
            output.push('$');
            return output;
        }
        let (name, length) = name(after);
        match (name, length) {
            ("", 0) => output.push('$'),
            ("", _) => {}
            (name, _) => output.push_str(&value_of(name)),
        }
        rest = &after[length..];
    }
    output.push_str(rest);
    output
}

/// Returns the name that `text` begins with, and how many bytes it takes with its braces; no name with a length is a brace
/// that belongs to none.
fn name(text: &str) -> (&str, usize) {
    if let Some(inner) = text.strip_prefix('{') {
        return match inner.find('}') {
            Some(end) => (&inner[..end], end + 2),
            None => ("", 1),
        };
    }
    if text.starts_with(is_special) {
        return (&text[..1], 1);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    (&text[..end], end)
}

/// A name of one sign that shells give a meaning.
fn is_special(sign: char) -> bool {
    matches!(sign, '*' | '#' | '$' | '@' | '!' | '?' | '-' | '0'..='9')
}
