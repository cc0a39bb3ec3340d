//! `KEY=VALUE` on the command line.

use crate::error::{Class, Problem};

/// Reads a variable.
pub(super) fn variable(text: &str) -> Result<(String, String), Problem> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let good = text.contains('=')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-');
    if good {
        return Ok((name.to_owned(), value.to_owned()));
    }
    Err(Problem::new(Class::Usage, format!("`{text}` is not KEY=VALUE")))
}
