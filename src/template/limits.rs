//! How much one rendering may cost: templates come out of images, so none may run away.

use super::failure::{Failure, Outcome};

/// The deepest nesting of blocks and parentheses in a template's text.
pub(super) const DEEPEST_TEXT: usize = 100;

/// The deepest nesting while a template runs: blocks, parentheses and `{{ template }}` calls together.
pub(super) const DEEPEST_CALL: usize = 120;

/// The deepest nesting of lists and dicts that is printed, compared, copied or encoded.
pub(super) const DEEPEST_VALUE: usize = 64;

/// The longest text in bytes that a function may make, and the longest output of a rendering.
pub(super) const LONGEST_TEXT: usize = 16 << 20;

/// The longest list that a function may make.
pub(super) const LONGEST_LIST: usize = 1 << 20;

/// What one rendering may cost: a unit for each byte made, each item handled and a few for each call.
const WORK: usize = 1 << 28;

/// What is left of the work that one rendering may do.
pub(super) struct Work(usize);

impl Work {
    /// Begins a rendering.
    pub(super) fn new() -> Self {
        Self(WORK)
    }

    /// Takes `units` away, and fails when there are not so many left.
    pub(super) fn spend(&mut self, units: usize) -> Outcome<()> {
        self.0 = self.0.checked_sub(units).ok_or_else(|| Failure::new("the template does too much work"))?;
        Ok(())
    }
}

/// Refuses a text of `length` bytes before it is made.
pub(super) fn check_text(length: usize) -> Outcome<()> {
    if length > LONGEST_TEXT {
        return Err(Failure::new(format!("the result would be longer than {} MiB", LONGEST_TEXT >> 20)));
    }
    Ok(())
}

/// Refuses a list of `length` items before it is made.
pub(super) fn check_list(length: usize) -> Outcome<()> {
    if length > LONGEST_LIST {
        return Err(Failure::new(format!("the list would have more than {LONGEST_LIST} items")));
    }
    Ok(())
}

/// Refuses to look at a value `depth` levels below the one that was given.
pub(super) fn check_depth(depth: usize) -> Outcome<()> {
    if depth > DEEPEST_VALUE {
        return Err(Failure::new(format!(
            "the value is nested more than {DEEPEST_VALUE} deep, or holds itself"
        )));
    }
    Ok(())
}
