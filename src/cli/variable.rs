//! `KEY=VALUE` on the command line.

use crate::error::{Class, Problem};

/// How the variables begin that say how things are, and not how they should be.
const RESERVED: &str = "SEALOS_SYS_";

/// Reads a variable.
pub(super) fn variable(text: &str) -> Result<(String, String), Problem> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let good = text.contains('=')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-');
    if name.starts_with(RESERVED) {
        return Err(Problem::new(
            Class::Usage,
            format!("`{name}` is sealift's own: names that begin with {RESERVED} cannot be given"),
        ));
    }
    if good {
        return Ok((name.to_owned(), value.to_owned()));
    }
    Err(Problem::new(Class::Usage, format!("`{text}` is not KEY=VALUE")))
}
