//! sprig's functions that cut, join, fill and quote texts.

use std::rc::Rc;

use super::Room;
use super::signature::Rest;
use crate::template::failure::{Failure, Outcome};
use crate::template::limits::check_text;
use crate::template::print::{plain, quote};
use crate::template::value::{Dict, Member, Value};

pub(super) fn add(room: &mut Room) {
    room.add("hello", |Rest(_): Rest<Value>| "Hello!");
    room.add("trim", |text: Rc<str>| text.trim().to_owned());
    room.add_as(&["trimAll", "trimall"], |letters: Rc<str>, text: Rc<str>| {
        text.trim_matches(|letter| letters.contains(letter)).to_owned()
    });
    room.add("trimPrefix", |prefix: Rc<str>, text: Rc<str>| {
        text.strip_prefix(&*prefix).unwrap_or(&text).to_owned()
    });
    room.add("trimSuffix", |suffix: Rc<str>, text: Rc<str>| {
        text.strip_suffix(&*suffix).unwrap_or(&text).to_owned()
    });
    room.add("contains", |part: Rc<str>, text: Rc<str>| text.contains(&*part));
    room.add("hasPrefix", |prefix: Rc<str>, text: Rc<str>| text.starts_with(&*prefix));
    room.add("hasSuffix", |suffix: Rc<str>, text: Rc<str>| text.ends_with(&*suffix));
    room.add("repeat", |count: i64, text: Rc<str>| repeat(count, &text));
    room.add("replace", |old: Rc<str>, new: Rc<str>, text: Rc<str>| replace(&old, &new, &text));
    room.add("substr", |begin: i64, end: i64, text: Rc<str>| substring(begin, end, &text));
    room.add("trunc", |length: i64, text: Rc<str>| truncated(length, &text));
    room.add("abbrev", |width: i64, text: Rc<str>| abbreviated(0, width, &text));
    room.add("abbrevboth", |offset: i64, width: i64, text: Rc<str>| abbreviated(offset, width, &text));
    room.add("nospace", |text: Rc<str>| text.replace(char::is_whitespace, ""));
    room.add("quote", |Rest(values): Rest<Value>| quoted(&values, |text| quote(&text)));
    room.add("squote", |Rest(values): Rest<Value>| quoted(&values, |text| format!("'{text}'")));
    room.add("cat", |Rest(values): Rest<Value>| cat(&values));
    room.add("indent", |spaces: i64, text: Rc<str>| indent(spaces, &text));
    room.add("nindent", |spaces: i64, text: Rc<str>| indent(spaces, &text).map(|text| format!("\n{text}")));
    room.add("split", |separator: Rc<str>, text: Rc<str>| numbered(split(&separator, &text, usize::MAX)));
    room.add("splitList", |separator: Rc<str>, text: Rc<str>| {
        Value::texts(split(&separator, &text, usize::MAX))
    });
    room.add("splitn", |separator: Rc<str>, count: i64, text: Rc<str>| {
        numbered(split(&separator, &text, usize::try_from(count).unwrap_or(usize::MAX)))
    });
    room.add("plural", |one: Rc<str>, many: Rc<str>, count: i64| {
        Value::Text(if count == 1 { one } else { many })
    });
}

fn repeat(count: i64, text: &str) -> Outcome<String> {
    let count = usize::try_from(count).map_err(|_| Failure::new("the count is negative").in_argument(0))?;
    check_text(text.len().saturating_mul(count))?;
    Ok(text.repeat(count))
}

fn replace(old: &str, new: &str, text: &str) -> Outcome<String> {
    let count = text.matches(old).count();
    check_text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(text.replace(old, new))
}

/// Cuts by bytes, as Go does; a cut through the middle of a character is refused.
fn part(text: &str, range: std::ops::Range<usize>) -> Outcome<String> {
    if range.start > range.end || range.end > text.len() {
        return Err(Failure::new(format!("the part lies outside of the text's {} bytes", text.len())));
    }
    let part =
        text.get(range).ok_or_else(|| Failure::new("the cut goes through a character of several bytes"));
    part.map(str::to_owned)
}

fn substring(begin: i64, end: i64, text: &str) -> Outcome<String> {
    match (usize::try_from(begin), usize::try_from(end)) {
        (Err(_), Ok(end)) => part(text, 0..end),
        (Err(_), Err(_)) => Err(Failure::new("both ends are negative")),
        (Ok(begin), Ok(end)) if end <= text.len() => part(text, begin..end),
        (Ok(begin), _) => part(text, begin..text.len()),
    }
}

/// Keeps the first bytes or, by a negative length, the last ones.
fn truncated(length: i64, text: &str) -> Outcome<String> {
    let count = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    match text.len().checked_sub(count) {
        Some(0) | None => Ok(text.to_owned()),
        Some(left) if length < 0 => part(text, left..text.len()),
        Some(_) => part(text, 0..count),
    }
}

/// Shortens a text to `width` with dots at its end and, behind an `offset` of more than four, at its beginning.
fn abbreviated(offset: i64, width: i64, text: &str) -> Outcome<String> {
    const DOTS: &str = "...";
    let (Ok(width), offset) = (usize::try_from(width), usize::try_from(offset).unwrap_or(0)) else {
        return Ok(text.to_owned());
    };
    if width < 4 || (offset > 0 && width < 7) || text.len() <= width {
        return Ok(text.to_owned());
    }
    let kept = width - DOTS.len();
    let offset =
        if text.len() - offset.min(text.len()) < kept { text.len() - kept } else { offset.min(text.len()) };
    if offset <= 4 {
        return Ok(part(text, 0..kept)? + DOTS);
    }
    if offset + kept < text.len() {
        return Ok(DOTS.to_owned() + &abbreviated_end(&part(text, offset..text.len())?, kept)?);
    }
    Ok(DOTS.to_owned() + &part(text, text.len() - kept..text.len())?)
}

fn abbreviated_end(text: &str, width: usize) -> Outcome<String> {
    if text.len() <= width || width < 4 {
        return Ok(text.to_owned());
    }
    Ok(part(text, 0..width - 3)? + "...")
}

fn quoted(values: &[Value], quote: impl Fn(String) -> String) -> Outcome<String> {
    let words = values
        .iter()
        .filter(|value| !value.is_nil())
        .map(|value| plain(value).map(&quote))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(words.join(" "))
}

fn cat(values: &[Value]) -> Outcome<String> {
    let words = values.iter().filter(|value| !value.is_nil()).map(plain).collect::<Outcome<Vec<_>>>()?;
    Ok(words.join(" "))
}

fn indent(spaces: i64, text: &str) -> Outcome<String> {
    let spaces =
        usize::try_from(spaces).map_err(|_| Failure::new("the indentation is negative").in_argument(0))?;
    let lines = text.matches('\n').count() + 1;
    check_text(text.len().saturating_add(lines.saturating_mul(spaces)))?;
    let pad = " ".repeat(spaces);
    Ok(format!("{pad}{}", text.replace('\n', &format!("\n{pad}"))))
}

/// Splits as Go does: an empty separator splits into characters, a count of zero gives nothing.
fn split(separator: &str, text: &str, count: usize) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    if !separator.is_empty() {
        return text.splitn(count, separator).map(str::to_owned).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if parts.len() + 1 == count {
            parts.push(rest.to_owned());
            break;
        }
        parts.push(character.to_string());
        rest = &rest[character.len_utf8()..];
    }
    parts
}

/// Makes sprig's dict of `_0`, `_1` and so on.
fn numbered(parts: Vec<String>) -> Value {
    let entries =
        parts.into_iter().enumerate().map(|(index, part)| (Rc::from(format!("_{index}")), Value::text(part)));
    Value::Dict(Dict::of(Member::Text, entries))
}
