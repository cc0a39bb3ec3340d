//! sprig's regular expressions, in the syntax of Go's `regexp`.

use std::rc::Rc;

use regex::{NoExpand, Regex, RegexBuilder};

use super::Room;
use crate::template::failure::{Failure, Outcome};
use crate::template::limits::{LONGEST_TEXT, check_text};
use crate::template::value::Value;

pub(super) fn add(room: &mut Room) {
    room.add_as(&["regexMatch", "mustRegexMatch"], |pattern: Rc<str>, text: Rc<str>| {
        compile(&pattern).map(|regex| regex.is_match(&text))
    });
    room.add_as(&["regexFind", "mustRegexFind"], |pattern: Rc<str>, text: Rc<str>| {
        compile(&pattern).map(|regex| regex.find(&text).map_or("", |found| found.as_str()).to_owned())
    });
    room.add_as(&["regexFindAll", "mustRegexFindAll"], |pattern: Rc<str>, text: Rc<str>, count: i64| {
        let regex = compile(&pattern)?;
        Ok::<_, Failure>(Value::texts(
            regex.find_iter(&text).take(at_most(count)).map(|found| found.as_str()),
        ))
    });
    room.add_as(
        &["regexReplaceAll", "mustRegexReplaceAll"],
        |pattern: Rc<str>, text: Rc<str>, with: Rc<str>| {
            let regex = compile(&pattern)?;
            check_replacement(&regex, &text, &with)?;
            Ok::<_, Failure>(regex.replace_all(&text, &*with).into_owned())
        },
    );
    room.add_as(
        &["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"],
        |pattern: Rc<str>, text: Rc<str>, with: Rc<str>| {
            let regex = compile(&pattern)?;
            check_replacement(&regex, &text, &with)?;
            Ok::<_, Failure>(regex.replace_all(&text, NoExpand(&with)).into_owned())
        },
    );
    room.add_as(&["regexSplit", "mustRegexSplit"], |pattern: Rc<str>, text: Rc<str>, count: i64| {
        compile(&pattern).map(|regex| Value::texts(split(&regex, &text, count)))
    });
    room.add("regexQuoteMeta", |text: Rc<str>| quote_meta(&text));
}

/// A negative count means all.
fn at_most(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Refuses a replacement that would be too long, before it is made.
fn check_replacement(regex: &Regex, text: &str, with: &str) -> Outcome<()> {
    // Each `$1` can stand for all of the match it belongs to.
    let references = with.matches('$').count();
    let mut length = text.len();
    for found in regex.find_iter(text) {
        length = length.saturating_add(with.len() + references * found.len());
        if length > LONGEST_TEXT {
            return check_text(length);
        }
    }
    Ok(())
}

fn split(regex: &Regex, text: &str, count: i64) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut end = 0;
    for found in regex.find_iter(text) {
        if usize::try_from(count).is_ok_and(|count| parts.len() + 1 == count) {
            break;
        }
        end = found.start();
        // An empty match at the very beginning splits nothing off.
        if found.end() != 0 {
            parts.push(text[begin..end].to_owned());
        }
        begin = found.end();
    }
    if end != text.len() || text.is_empty() {
        parts.push(text[begin..].to_owned());
    }
    parts
}

fn quote_meta(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            output.push('\\');
        }
        output.push(character);
    }
    output
}

/// The memory in bytes that one compiled expression may take.
const LARGEST_PROGRAM: usize = 1 << 20;

fn compile(pattern: &str) -> Outcome<Regex> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(LARGEST_PROGRAM)
        .dfa_size_limit(LARGEST_PROGRAM)
        .build()
        .map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Failure::new(format!("`{pattern}` is not a regular expression: {reason}")).in_argument(0)
        })
}

/// Writes an expression of Go's syntax in that of the `regex` crate.
///
/// Go's `\d`, `\s`, `\w` and `\b` know ASCII only, `\Q…\E` quotes, a `{` that begins no count is a character, and
/// so are `[`, `&`, `-` and `~` in a class, where the crate would see set operations.
fn translate(pattern: &str) -> String {
    let mut output = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut class = None;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        rest = match (character, class) {
            ('\\', _) => escape(&mut output, after),
            ('[', None) => {
                output.push('[');
                let negated = after.strip_prefix('^');
                output.push_str(if negated.is_some() { "^" } else { "" });
                let after = negated.unwrap_or(after);
                class = Some(());
                match after.strip_prefix(']') {
                    Some(after) => {
                        output.push_str("\\]");
                        after
                    }
                    None => after,
                }
            }
            ('[', Some(())) => {
                let name = posix_class(after).unwrap_or_default();
                output.push_str(if name.is_empty() { "\\[" } else { "[" });
                output.push_str(name);
                &after[name.len()..]
            }
            (']', Some(())) => {
                class = None;
                output.push(']');
                after
            }
            ('&' | '~', Some(())) => {
                output.extend(['\\', character]);
                after
            }
            ('-', Some(())) if after.starts_with('-') => {
                output.push_str("\\-");
                after
            }
            ('{', None) if !is_count(after) => {
                output.push_str("\\{");
                after
            }
            _ => {
                output.push(character);
                after
            }
        };
    }
    output
}

/// Writes what follows a backslash, and returns the rest.
fn escape<'a>(output: &mut String, after: &'a str) -> &'a str {
    let Some(letter) = after.chars().next() else {
        output.push('\\');
        return after;
    };
    let rest = &after[letter.len_utf8()..];
    match letter {
        'd' => output.push_str("[0-9]"),
        'D' => output.push_str("[^0-9]"),
        'w' => output.push_str("[0-9A-Za-z_]"),
        'W' => output.push_str("[^0-9A-Za-z_]"),
        's' => output.push_str(r"[\t\n\f\r ]"),
        'S' => output.push_str(r"[^\t\n\f\r ]"),
        'b' => output.push_str(r"(?-u:\b)"),
        'B' => output.push_str(r"(?-u:\B)"),
        'p' | 'P' => {
            // The name of a class of Unicode, in braces or of one letter.
            let end =
                if rest.starts_with('{') { rest.find('}').map_or(rest.len(), |end| end + 1) } else { 0 };
            output.extend(['\\', letter]);
            output.push_str(&rest[..end]);
            return &rest[end..];
        }
        'Q' => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            output.push_str(&regex::escape(quoted));
            return rest;
        }
        _ => output.extend(['\\', letter]),
    }
    rest
}

/// Returns `:alpha:]` or its like, when that comes next.
fn posix_class(after: &str) -> Option<&str> {
    after.strip_prefix(':')?.find(":]").map(|end| &after[..end + 3])
}

/// Tells whether `2}`, `2,}` or `2,3}` comes next.
fn is_count(after: &str) -> bool {
    after.split_once('}').is_some_and(|(count, _)| {
        let (least, most) = count.split_once(',').unwrap_or((count, ""));
        !least.is_empty() && least.bytes().chain(most.bytes()).all(|digit| digit.is_ascii_digit())
    })
}
