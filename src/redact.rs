//! The secrets a run knows, and what is written in their place.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// What is written in place of a secret.
const MASK: &str = "***";

/// A secret shorter than this, in characters, is only hidden where it stands alone: else no text would be readable.
const SHORT: usize = 4;

/// The least characters of base64 that are taken for a secret's, or for a piece of it.
const ENCODED_LEAST: usize = 8;

/// The secrets that must not be written. Clones share one set.
#[derive(Clone, Default)]
pub struct Redactions(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// All that is hidden, wherever it stands.
    forms: Vec<SecretString>,
    /// Those that are base64, which is often broken into lines.
    encoded: Vec<SecretString>,
}

impl Redactions {
    /// Hides `secret` from now on: as it is, line by line, as JSON quotes it, and in base64, also within something longer such as
    /// `user:password` and broken into lines.
    pub fn hide(&self, secret: &SecretString) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let secret = secret.expose_secret().trim();
        let encoded = encoded_forms_of(secret);
        add(&mut known.forms, forms_of(secret).into_iter().chain(encoded.iter().cloned()));
        add(&mut known.encoded, encoded.into_iter().filter(|form| form.len() >= ENCODED_LEAST));
    }

    /// Returns `text` with every secret in it replaced.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let whole = known.forms.iter().fold(Cow::Borrowed(text), |text, form| {
            mask(&text, form.expose_secret()).map_or(text, Cow::Owned)
        });
        mask_pieces(&whole, &known.encoded).map_or(whole, Cow::Owned)
    }

    /// Replaces every secret in the strings of a JSON value; keys are names, and stay.
    pub fn apply_to_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(masked) = self.apply(text) {
                    *text = masked;
                }
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(|value| self.apply_to_json(value)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|value| self.apply_to_json(value)),
            _ => {}
        }
    }
}

/// Shows nothing of the secrets, not even their number.
impl std::fmt::Debug for Redactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactions")
    }
}

/// The forms in which a secret may turn up. Of a key file every line is one, but not its frame, which is no secret.
fn forms_of(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return vec![];
    }
    let mut forms = vec![secret.to_owned()];
    if secret.contains('\n') {
        let lines =
            secret.lines().map(str::trim).filter(|line| line.len() >= SHORT && !line.starts_with("-----"));
        forms.extend(lines.map(str::to_owned));
    }
    if secret.chars().count() >= SHORT {
        forms.push(quoted(secret));
    }
    forms
}

/// The forms in which base64 has a secret.
fn encoded_forms_of(secret: &str) -> Vec<String> {
    if secret.chars().count() < SHORT {
        return vec![];
    }
    let alone = STANDARD.encode(secret).trim_end_matches('=').to_owned();
    std::iter::once(alone).chain((0..3).filter_map(|place| encoded_within(secret, place))).collect()
}

/// Adds what is new. The longest come first, so that a secret that begins with another one is hidden as a whole.
fn add(known: &mut Vec<SecretString>, forms: impl Iterator<Item = String>) {
    for form in forms {
        if !known.iter().any(|known| known.expose_secret() == form) {
            known.push(form.into());
        }
    }
    known.sort_by_key(|form| std::cmp::Reverse(form.expose_secret().len()));
}

/// What the base64 of anything has of `secret`, if it begins at a byte with this remainder by three there: the characters that
/// it alone decides. A secret that decides only a few has none, as other text would be hidden with it.
fn encoded_within(secret: &str, place: usize) -> Option<String> {
    let encoded = STANDARD.encode([&[0; 3][..place], secret.as_bytes()].concat());
    let (begin, end) = ((place * 8).div_ceil(6), (place + secret.len()) * 8 / 6);
    (end - begin >= ENCODED_LEAST).then(|| encoded[begin..end].to_owned())
}

/// The inside of the JSON string that holds `secret`.
fn quoted(secret: &str) -> String {
    let quoted = serde_json::Value::from(secret).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn mask(text: &str, secret: &str) -> Option<String> {
    let short = secret.chars().count() < SHORT;
    let mut masked = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices(secret) {
        let end = at + secret.len();
        if short && !stands_alone(text, at, end) {
            continue;
        }
        masked.push_str(&text[copied..at]);
        masked.push_str(MASK);
        copied = end;
    }
    if copied == 0 {
        return None;
    }
    masked.push_str(&text[copied..]);
    Some(masked)
}

/// Replaces what lines have of base64 that was broken into them.
fn mask_pieces(text: &str, encoded: &[SecretString]) -> Option<String> {
    let mut changed = false;
    let lines = text.split('\n').map(|line| {
        let masked = mask_ends(line, encoded);
        changed |= masked.is_some();
        masked.map_or(Cow::Borrowed(line), Cow::Owned)
    });
    let masked = lines.collect::<Vec<_>>().join("\n");
    changed.then_some(masked)
}

/// Replaces the piece that a line begins with, and the one that it ends with.
fn mask_ends(line: &str, encoded: &[SecretString]) -> Option<String> {
    let inner = line.trim();
    let (first, last) = (encoded_begin(inner), encoded_end(inner));
    if first.len() < ENCODED_LEAST && last.len() < ENCODED_LEAST {
        return None;
    }
    let longest = |piece: fn(&str, &str) -> usize, run: &str| {
        let lengths = encoded.iter().map(|form| piece(form.expose_secret(), run));
        lengths.max().filter(|length| *length >= ENCODED_LEAST)
    };
    if encoded.iter().any(|form| form.expose_secret().contains(inner)) {
        return Some(line.replace(inner, MASK));
    }
    let (begin, end) = (longest(end_at_begin, first), longest(begin_at_end, last));
    if begin.is_none() && end.is_none() {
        return None;
    }
    let at = line.len() - line.trim_start().len();
    let (from, to) = (at + begin.unwrap_or(0), at + inner.len() - end.unwrap_or(0));
    let masks = |piece: Option<usize>| piece.map_or("", |_| MASK);
    let between = line.get(from..to).unwrap_or_default();
    Some([&line[..at], masks(begin), between, masks(end), &line[at + inner.len()..]].concat())
}

fn is_encoded(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '/')
}

fn encoded_begin(line: &str) -> &str {
    &line[..line.find(|character| !is_encoded(character)).unwrap_or(line.len())]
}

fn encoded_end(line: &str) -> &str {
    &line[line.trim_end_matches(is_encoded).len()..]
}

/// Returns how much of the end of `form` is what `run` begins with.
fn end_at_begin(form: &str, run: &str) -> usize {
    let mut lengths = (ENCODED_LEAST..=form.len().min(run.len())).rev();
    lengths.find(|length| run.starts_with(&form[form.len() - length..])).unwrap_or(0)
}

/// Returns how much of the begin of `form` is what `run` ends with.
fn begin_at_end(form: &str, run: &str) -> usize {
    let mut lengths = (ENCODED_LEAST..=form.len().min(run.len())).rev();
    lengths.find(|length| run.ends_with(&form[..*length])).unwrap_or(0)
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hiding(secrets: &[&str]) -> Redactions {
        let redactions = Redactions::default();
        for secret in secrets {
            redactions.hide(&SecretString::from(*secret));
        }
        redactions
    }

    #[test]
    fn a_secret_is_hidden_in_each_of_its_forms() {
        let redactions = hiding(&["hunter2", "hunter2-and-more", "a\"quote", "x7", "line one\nline two"]);
        let table = [
            ("password hunter2!", "password ***!"),
            ("hunter2-and-more", "***"),
            ("aHVudGVyMg==", "***=="),
            (r#"{"p":"a\"quote"}"#, r#"{"p":"***"}"#),
            ("x7 but not 0x7f", "*** but not 0x7f"),
            ("it said: line two", "it said: ***"),
            ("nothing here", "nothing here"),
        ];
        for (raw, hidden) in table {
            assert_eq!(redactions.apply(raw), hidden);
        }
    }

    #[test]
    fn an_empty_secret_hides_nothing() {
        assert_eq!(hiding(&["", "  \n"]).apply("text"), "text");
    }

    #[test]
    fn json_is_redacted_in_its_values_and_keeps_its_structure() {
        let mut value = serde_json::json!({ "event": ["a hunter2 b", 3, true, { "k": "the event" }] });
        hiding(&["hunter2", "event", "true"]).apply_to_json(&mut value);
        assert_eq!(value, serde_json::json!({ "event": ["a *** b", 3, true, { "k": "the ***" }] }));
    }

    proptest! {
        #[test]
        fn no_long_secret_is_left(secret in "[!-~]{4,20}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            prop_assume!(!secret.contains('*'));
            let told = hiding(&[&secret]).apply(&format!("{before}{secret}{after}")).into_owned();
            prop_assert!(!told.contains(&secret));
        }
    }

    #[test]
    fn a_secret_within_something_encoded_is_hidden() {
        let redactions = Redactions::default();
        redactions.hide(&SecretString::from("hunter2-and-more"));
        for before in ["", "a:", "ad:", "adm:", "admin:"] {
            for after in ["", "\n", "\nmore of it"] {
                let told = STANDARD.encode(format!("{before}hunter2-and-more{after}"));
                let masked = redactions.apply(&told).into_owned();
                assert!(masked.contains(MASK) && masked.len() < told.len() - 14, "{told}: {masked}");
            }
        }
        assert_eq!(redactions.apply("aHVudGVy, a word"), "aHVudGVy, a word");
    }

    /// As `base64` breaks what it encodes, so that no line holds a secret's form as a whole.
    #[test]
    fn a_secret_that_is_encoded_and_broken_into_lines_is_hidden() {
        let user = "robot-of-a-team-with-a-rather-long-name";
        let short = "Lighthouses-4.and/Ferries";
        let long = "a key that is longer than two lines of base64 are, ".repeat(4);
        for secret in [short, long.trim()] {
            let redactions = hiding(&[secret]);
            for before in ["", user, &user[1..], &user[2..]] {
                for (indent, end) in [("", "\n"), ("  ", "\r\n")] {
                    let told = STANDARD.encode(format!("{before}:{secret} and more"));
                    let lines = told.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap());
                    let broken: String = lines.flat_map(|line| [indent, line, end]).collect();
                    let masked = redactions.apply(&broken).into_owned();
                    assert_eq!(masked.lines().count(), broken.lines().count());
                    let form = encoded_within(secret, (before.len() + 1) % 3).unwrap();
                    let pieces = (0..=form.len() - ENCODED_LEAST).map(|at| &form[at..at + ENCODED_LEAST]);
                    for piece in pieces {
                        assert!(!masked.contains(piece), "{broken}: {masked}");
                    }
                }
            }
        }
        let redactions = hiding(&["hunter2-and-more"]);
        // Neither too little of it nor what stands in the middle of a line.
        for told in ["aHVudGV", "it said aHVudGVyMi to me", "  \n\n"] {
            assert_eq!(redactions.apply(told), told);
        }
    }
}
