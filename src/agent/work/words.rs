//! A program's arguments in a file of variables: some set, and later taken back as they were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An argument that we set: by what, and in place of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Set {
    value: String,
    before: Option<String>,
}

/// What of a file is ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Ours {
    /// The arguments that we set, by name.
    arguments: BTreeMap<String, Set>,
    /// Whether we made the variable's line.
    line: bool,
    /// Whether we made the file.
    file: bool,
}

/// Returns a file (`None` is none) whose `variable` has these arguments, and from which those are taken that we set before
/// and that still are as we set them. A line that we make begins with `default`, which it takes the place of.
pub(super) fn changed(
    text: Option<&str>,
    variable: &str,
    default: &str,
    ours: Option<&Ours>,
    wished: &BTreeMap<String, String>,
) -> (Option<String>, Ours) {
    let present = text.unwrap_or_default().lines().rev().find_map(|line| value_of(line, variable));
    let mut now = Ours {
        arguments: BTreeMap::new(),
        line: ours.map_or(present.is_none(), |ours| ours.line || present.is_none()),
        file: ours.map_or(text.is_none(), |ours| ours.file || text.is_none()),
    };
    let mut words: Vec<String> = present.unwrap_or(default).split_whitespace().map(str::to_owned).collect();
    for (name, ours) in ours.into_iter().flat_map(|ours| &ours.arguments) {
        if value(&words, name) == Some(ours.value.as_str()) {
            set(&mut words, name, ours.before.as_deref());
        }
    }
    for (name, wish) in wished {
        let before = value(&words, name).map(str::to_owned);
        set(&mut words, name, Some(wish));
        now.arguments.insert(name.clone(), Set { value: wish.clone(), before });
    }
    let is_as_found = wished.is_empty() && now.line && words.join(" ") == default;
    let mut lines: Vec<String> = text.unwrap_or_default().lines().map(str::to_owned).collect();
    let line = format!("{variable}=\"{}\"", words.join(" "));
    match lines.iter().rposition(|line| value_of(line, variable).is_some()) {
        Some(place) if is_as_found => drop(lines.remove(place)),
        Some(place) => lines[place] = line,
        None if is_as_found => {}
        None => lines.push(line),
    }
    if lines.is_empty() {
        let text = (!now.file).then(String::new);
        return (text, now);
    }
    let mut text = lines.join("\n");
    text.push('\n');
    (Some(text), now)
}

/// Returns arguments as one would type them.
pub(super) fn told(arguments: &BTreeMap<String, String>) -> String {
    arguments.iter().map(|(name, value)| format!("--{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Returns what a line sets the variable to, if it does: a text, quoted or not.
fn value_of<'a>(line: &'a str, variable: &str) -> Option<&'a str> {
    let value = line.trim_start().strip_prefix(variable)?.strip_prefix('=')?.trim();
    Some(value.trim_matches(['"', '\'']))
}

fn value<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}

fn set(words: &mut Vec<String>, name: &str, value: Option<&str>) {
    let begins = format!("--{name}=");
    let place = words.iter().position(|word| word.starts_with(&begins));
    let word = value.map(|value| format!("{begins}{value}"));
    match (place, word) {
        (Some(place), Some(word)) => words[place] = word,
        (Some(place), None) => drop(words.remove(place)),
        (None, Some(word)) => words.push(word),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "# mine\nARGS=\"--node-ip=10.0.0.1 --v=2\"\nOTHER=x\n";

    fn wishes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn change(text: Option<&str>, ours: Option<&Ours>, pairs: &[(&str, &str)]) -> (Option<String>, Ours) {
        changed(text, "ARGS", "", ours, &wishes(pairs))
    }

    #[test]
    fn arguments_are_set_and_taken_back_as_they_were() {
        let (with, ours) = change(Some(FOUND), None, &[("max-pods", "50"), ("v", "4")]);
        let want = "# mine\nARGS=\"--node-ip=10.0.0.1 --v=4 --max-pods=50\"\nOTHER=x\n";
        assert_eq!(with.as_deref(), Some(want));
        let (other, ours) = change(with.as_deref(), Some(&ours), &[("max-pods", "60")]);
        let want = "# mine\nARGS=\"--node-ip=10.0.0.1 --v=2 --max-pods=60\"\nOTHER=x\n";
        assert_eq!(other.as_deref(), Some(want));
        assert_eq!(change(other.as_deref(), Some(&ours), &[]).0.as_deref(), Some(FOUND));
    }

    #[test]
    fn doing_it_twice_changes_nothing() {
        for found in [Some(FOUND), None] {
            let pairs = [("max-pods", "50"), ("v", "4")];
            let (once, ours) = change(found, None, &pairs);
            assert_eq!(change(once.as_deref(), Some(&ours), &pairs), (once, ours));
        }
    }

    #[test]
    fn a_file_and_a_line_that_we_made_go_again() {
        for (found, with) in [
            (None, "ARGS=\"--v=4\"\n"),
            (Some(""), "ARGS=\"--v=4\"\n"),
            (Some("OTHER=x\n"), "OTHER=x\nARGS=\"--v=4\"\n"),
        ] {
            let (text, ours) = change(found, None, &[("v", "4")]);
            assert_eq!(text.as_deref(), Some(with));
            assert_eq!(change(text.as_deref(), Some(&ours), &[]).0.as_deref(), found);
        }
        // Somebody has written into it since.
        let (text, ours) = change(None, None, &[("v", "4")]);
        let text = text.unwrap() + "THEIRS=1\n";
        assert_eq!(change(Some(&text), Some(&ours), &[]).0.as_deref(), Some("THEIRS=1\n"));
    }

    #[test]
    fn a_default_is_kept_that_the_line_takes_the_place_of() {
        let (text, ours) = changed(None, "ARGS", "--a=1 --v=2", None, &wishes(&[("v", "4")]));
        assert_eq!(text.as_deref(), Some("ARGS=\"--a=1 --v=4\"\n"));
        assert_eq!(changed(text.as_deref(), "ARGS", "--a=1 --v=2", Some(&ours), &wishes(&[])).0, None);
    }

    #[test]
    fn what_somebody_else_changed_since_is_left_alone() {
        let (with, ours) = change(Some(FOUND), None, &[("v", "4")]);
        let theirs = with.unwrap().replace("--v=4", "--v=9");
        assert_eq!(change(Some(&theirs), Some(&ours), &[]).0, Some(theirs));
    }

    #[test]
    fn a_name_that_begins_like_another_is_another() {
        let (text, _) = change(Some("ARGS='--node-ips=a --node-ip=b'\nARGS2=c\n"), None, &[("node-ip", "c")]);
        assert_eq!(text.as_deref(), Some("ARGS=\"--node-ips=a --node-ip=c\"\nARGS2=c\n"));
    }
}
