//! The difference between two texts of a file, as a person reads it.

use similar::TextDiff;

/// So many lines are told of one file.
const MOST_LINES: usize = 200;

/// Returns a unified difference; `None` is a file that is not there.
pub fn difference(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    let side = |text: Option<&str>, sign: &str| match text {
        Some(_) => format!("{sign}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default());
    let text = diff.unified_diff().header(&side(before, "a"), &side(after, "b")).to_string();
    let lines: Vec<&str> = text.lines().collect();
    match lines.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        Some(more) => format!("{}\n… {more} more lines", lines[..MOST_LINES].join("\n")),
        None => lines.join("\n"),
    }
}
