//! How machines are logged in to: secrets by reference or in the file, and what every dialect says of SSH.

use std::path::PathBuf;

use secrecy::SecretString;

use super::ledger::Finding;
use super::reader::Field;
use crate::model::SecretReference;

/// What to do about a secret in a file.
const REFERENCES: &str = "keep it elsewhere: `env:NAME`, `file:PATH`, or `prompt` to be asked";

/// Reads where a secret is to be found: `env:NAME`, `file:PATH`, `prompt`, or the secret itself, which is warned of.
///
/// `literal:` before a secret takes it as it is, whatever it looks like.
pub(super) fn secret(field: &Field<'_>) -> Option<SecretReference> {
    let text = field.secret()?;
    if text.is_empty() {
        return None;
    }
    if text == "prompt" {
        return Some(SecretReference::Prompt);
    }
    if let Some(name) = text.strip_prefix("env:") {
        return variable(field, name.trim());
    }
    if let Some(path) = text.strip_prefix("file:") {
        return file(field, path.trim());
    }
    let secret = SecretString::from(text.strip_prefix("literal:").unwrap_or(&text).to_owned());
    field.ledger().hide(&secret);
    field.ledger().warn(field.finding("has a secret in the file").remedy(REFERENCES));
    Some(SecretReference::Literal(secret))
}

fn variable(field: &Field<'_>, name: &str) -> Option<SecretReference> {
    let good = name.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !good {
        let message = "does not name a variable after `env:`";
        field.ledger().error(field.finding(message).remedy("write `env:NAME`, with letters, digits and `_`"));
        return None;
    }
    Some(SecretReference::Environment(name.to_owned()))
}

fn file(field: &Field<'_>, path: &str) -> Option<SecretReference> {
    if path.is_empty() {
        field.ledger().error(field.finding("names no file after `file:`").remedy("write `file:PATH`"));
        return None;
    }
    Some(SecretReference::File(PathBuf::from(path)))
}

/// Reads the path of a private key.
pub(super) fn identity(field: &Field<'_>) -> Option<PathBuf> {
    let text = field.word()?;
    if text.value.contains("PRIVATE KEY") {
        let secret = SecretString::from(text.value);
        field.ledger().hide(&secret);
        let message = "is the path of a private key, and this is the key itself";
        field.ledger().error(field.finding(message).remedy("save the key to a file, and write its path"));
        return None;
    }
    Some(PathBuf::from(text.value))
}

/// Reads a user's name.
pub(super) fn user(field: &Field<'_>) -> Option<String> {
    let user = field.word()?;
    if user.value.starts_with('-') || user.value.contains(|c: char| c.is_whitespace() || c == '@' || c == ':')
    {
        let finding = Finding::of(&user, format!("`{}` is no name of a user", user.value));
        field
            .ledger()
            .error(finding.remedy("write the name alone, such as `root`; addresses go to the hosts"));
        return None;
    }
    Some(user.value)
}

/// Reads a port.
pub(super) fn port(field: &Field<'_>) -> Option<u16> {
    Some(field.number("a port", 1..=65535)?.value)
}

/// Reads a host key: `SHA256:...`, or as in a `.pub` file.
pub(super) fn host_key(field: &Field<'_>) -> Option<String> {
    let key = field.word()?;
    let fingerprint =
        key.value.strip_prefix("SHA256:").is_some_and(|digest| digest.trim_end_matches('=').len() == 43);
    let mut words = key.value.split_whitespace();
    let public = words.next().is_some_and(|kind| kind.starts_with("ssh-") || kind.starts_with("ecdsa-"))
        && words.next().is_some_and(|body| body.starts_with("AAAA"));
    if fingerprint || public {
        return Some(key.value);
    }
    let finding = field.finding(format!("is no host key: `{}`", key.value));
    field
        .ledger()
        .error(finding.remedy("write `SHA256:...` as ssh-keygen -l shows it, or `ssh-ed25519 AAAA...`"));
    None
}
