//! Names that a cluster can have.

use crate::error::{Class, Problem, Result};

/// The name becomes part of paths, units and host names.
pub(super) fn check(name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if good {
        return Ok(());
    }
    Err(Problem::new(Class::Usage, format!("`{name}` cannot be a cluster's name"))
        .remedy("use lower-case letters, digits and hyphens, a letter first, 40 characters at most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        for good in ["default", "a", "prod-1"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a_b", "../x", "a b", &"a".repeat(41)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
