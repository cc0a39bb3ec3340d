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

/// The least characters of base64 that are taken for a secret's.
const ENCODED_LEAST: usize = 8;

/// The secrets that must not be written. Clones share one set.
#[derive(Clone, Default)]
pub struct Redactions(Arc<RwLock<Vec<SecretString>>>);

impl Redactions {
    /// Hides `secret` from now on: as it is, line by line, as JSON quotes it, and in base64, also within something longer such as
    /// `user:password`.
    pub fn hide(&self, secret: &SecretString) {
        let mut forms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms_of(secret.expose_secret()) {
            if !forms.iter().any(|known| known.expose_secret() == form) {
                forms.push(form.into());
            }
        }
        // The longest first, so that a secret that begins with another one is hidden as a whole.
        forms.sort_by_key(|form| std::cmp::Reverse(form.expose_secret().len()));
    }

    /// Returns `text` with every secret in it replaced.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let forms = self.0.read().unwrap_or_else(PoisonError::into_inner);
        forms.iter().fold(Cow::Borrowed(text), |text, form| match mask(&text, form.expose_secret()) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        })
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
    let secret = secret.trim();
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
        forms.push(STANDARD.encode(secret).trim_end_matches('=').to_owned());
        forms.extend((0..3).filter_map(|place| encoded_within(secret, place)));
        forms.push(quoted(secret));
    }
    forms
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
}
