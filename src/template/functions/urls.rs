//! sprig's functions for URLs, which are taken apart and put together as Go's `net/url` does.

use std::rc::Rc;

use super::Room;
use crate::template::failure::{Failure, Outcome};
use crate::template::print::plain;
use crate::template::value::{Dict, Value};

pub(super) fn add(room: &mut Room) {
    room.add("urlParse", |text: Rc<str>| parse(&text));
    room.add("urlJoin", |parts: Dict| join(&parts));
}

/// Takes a URL apart: `scheme://userinfo@host/path?query#fragment`, or `scheme:opaque`.
fn parse(text: &str) -> Outcome<Value> {
    let wrong = |why: &str| Failure::new(format!("`{text}` is no URL: {why}")).in_argument(0);
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err(wrong("it has a control character in it"));
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = scheme(rest).ok_or_else(|| wrong("its scheme is missing"))?;
    let mut parts = Parts { scheme: scheme.to_lowercase(), query: query.to_owned(), ..Parts::default() };
    let path = if !rest.starts_with('/') && !parts.scheme.is_empty() {
        rest.clone_into(&mut parts.opaque);
        ""
    } else if let Some(after) = rest.strip_prefix("//").filter(|after| !after.starts_with("//")) {
        let end = after.find('/').unwrap_or(after.len());
        let (userinfo, host) = after[..end].rsplit_once('@').unwrap_or(("", &after[..end]));
        parts.userinfo = escape(&unescaped(userinfo).ok_or_else(|| wrong("of an escape"))?, Part::User);
        parts.hostname = hostname(host).ok_or_else(|| wrong("its port is no number"))?;
        parts.host = unescaped(host).ok_or_else(|| wrong("of an escape"))?;
        &after[end..]
    } else {
        if rest.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err(wrong("its first part has a colon in it"));
        }
        rest
    };
    parts.path = unescaped(path).ok_or_else(|| wrong("of an escape"))?;
    parts.fragment = unescaped(fragment).ok_or_else(|| wrong("of an escape"))?;
    Ok(parts.into_value())
}

/// What a URL is made of.
#[derive(Default)]
struct Parts {
    scheme: String,
    userinfo: String,
    host: String,
    hostname: String,
    path: String,
    query: String,
    opaque: String,
    fragment: String,
}

impl Parts {
    fn into_value(self) -> Value {
        let entries = [
            ("scheme", self.scheme),
            ("userinfo", self.userinfo),
            ("host", self.host),
            ("hostname", self.hostname),
            ("path", self.path),
            ("query", self.query),
            ("opaque", self.opaque),
            ("fragment", self.fragment),
        ];
        Value::Dict(Dict::new(entries.map(|(key, text)| (Rc::from(key), Value::text(text)))))
    }
}

/// Splits the scheme off; one that begins with a colon has none, and is wrong.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    match text.split_once(':') {
        Some(("", _)) => None,
        Some((scheme, rest)) if is_scheme(scheme) => Some((scheme, rest)),
        _ => Some(("", text)),
    }
}

/// Takes the port and the brackets of IPv6 off a host; a port has to be a number.
fn hostname(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    is_port.then(|| name.to_owned())
}

/// Puts percent escapes back into the characters they stand for.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..percent]);
        let digits = rest.get(percent + 1..percent + 3)?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
        rest = &rest[percent + 3..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Where characters stand, which decides which of them are escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    User,
    Host,
    Path,
    Fragment,
}

fn escape(text: &str, part: Part) -> String {
    let mut output = String::with_capacity(text.len());
    for byte in text.bytes() {
        let stays = match byte {
            _ if byte.is_ascii_alphanumeric() => true,
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b';' | b'=' | b':' => true,
            b'/' | b'@' => matches!(part, Part::Path | Part::Fragment),
            b'?' => part == Part::Fragment,
            b'!' | b'(' | b')' | b'*' => matches!(part, Part::Host | Part::Fragment),
            b'\'' | b'[' | b']' | b'<' | b'>' | b'"' => part == Part::Host,
            _ => false,
        };
        if stays {
            output.push(char::from(byte));
        } else {
            output.push('%');
            output.push_str(&hex::encode_upper([byte]));
        }
    }
    output
}

/// Puts a URL together again.
fn join(parts: &Dict) -> Outcome<String> {
    let part = |key: &str| match parts.get(key) {
        None | Some(Value::Nil) => Ok(String::new()),
        Some(Value::Text(text)) => Ok(text.to_string()),
        Some(other) => Err(Failure::new(format!("its `{key}` is {}, not a text", plain(&other)?))),
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (userinfo, opaque) = (part("userinfo")?, part("opaque")?);
    let mut url = if scheme.is_empty() { scheme } else { format!("{scheme}:") };
    if opaque.is_empty() {
        let authority = !host.is_empty() || !userinfo.is_empty();
        if authority || (!url.is_empty() && !path.is_empty()) {
            url.push_str("//");
        }
        if !userinfo.is_empty() {
            url.push_str(&userinfo);
            url.push('@');
        }
        url.push_str(&escape(&host, Part::Host));
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            url.push('/');
        }
        if url.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
            url.push_str("./");
        }
        url.push_str(&escape(&path, Part::Path));
    } else {
        url.push_str(&opaque);
    }
    for (sign, text) in [('?', part("query")?), ('#', escape(&part("fragment")?, Part::Fragment))] {
        if !text.is_empty() {
            url.push(sign);
            url.push_str(&text);
        }
    }
    Ok(url)
}
