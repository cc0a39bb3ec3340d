//! How machines are logged in to, as far as it may be kept: names and paths, and where secrets are to be found.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// How the operator logged in: names, paths and where secrets are, never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port where an address has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Private keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<PathBuf>,
    /// Where a private key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretPlace>,
    /// Where the password is.
    #[serde(default, alias = "password_file", skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretPlace>,
    /// Where the key's passphrase is.
    #[serde(default, alias = "passphrase_file", skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretPlace>,
    /// Pinned host keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_keys: Vec<String>,
    /// Hosts to jump through, as for `ssh -J`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
}

impl Login {
    /// Tells whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a secret is to be found, without the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// In this variable of the operator's environment.
    Environment(String),
    /// The operator types it.
    Prompt,
    /// The first line of this file.
    #[serde(untagged)]
    File(PathBuf),
}

/// Where a secret is to be found.
#[derive(Clone)]
pub enum SecretReference {
    /// Here, as it was written.
    Literal(SecretString),
    /// In this variable of the operator's environment.
    Environment(String),
    /// The first line of this file.
    File(PathBuf),
    /// The operator types it.
    Prompt,
}

impl fmt::Debug for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(***)"),
            Self::Environment(name) => write!(f, "Environment({name})"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Prompt => f.write_str("Prompt"),
        }
    }
}

impl PartialEq for SecretReference {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(two)) => one.expose_secret() == two.expose_secret(),
            (Self::Environment(one), Self::Environment(two)) => one == two,
            (Self::File(one), Self::File(two)) => one == two,
            (Self::Prompt, Self::Prompt) => true,
            _ => false,
        }
    }
}

impl Eq for SecretReference {}

/// How to log in, as it is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredLogin {
    /// The user.
    pub user: Option<String>,
    /// The port where an address has none.
    pub port: Option<u16>,
    /// Private keys.
    pub identities: Vec<PathBuf>,
    /// A private key in place, PEM.
    pub key: Option<SecretReference>,
    /// The password, for login and sudo.
    pub password: Option<SecretReference>,
    /// The passphrase of the private key.
    pub passphrase: Option<SecretReference>,
    /// Host keys that are known: `SHA256:...` or as in a `.pub` file.
    pub host_keys: Vec<String>,
    /// Hosts to jump through, as for `ssh -J`.
    pub jump: Option<String>,
}

impl DeclaredLogin {
    /// Fills what is not said here with what `other` says.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let list = |own: &[String], other: &[String]| if own.is_empty() { other } else { own }.to_vec();
        let own_key = !self.identities.is_empty() || self.key.is_some();
        let keys = if own_key { self } else { other };
        Self {
            user: self.user.clone().or_else(|| other.user.clone()),
            port: self.port.or(other.port),
            identities: keys.identities.clone(),
            key: keys.key.clone(),
            password: self.password.clone().or_else(|| other.password.clone()),
            passphrase: self.passphrase.clone().or_else(|| other.passphrase.clone()),
            host_keys: list(&self.host_keys, &other.host_keys),
            jump: self.jump.clone().or_else(|| other.jump.clone()),
        }
    }

    /// Returns what may be kept of it: everything but secrets that were written out.
    pub fn kept(&self) -> Login {
        let place = |secret: &Option<SecretReference>| secret.as_ref().and_then(SecretReference::place);
        Login {
            user: self.user.clone(),
            port: self.port,
            identities: self.identities.clone(),
            key: place(&self.key),
            password: place(&self.password),
            passphrase: place(&self.passphrase),
            host_keys: self.host_keys.clone(),
            jump: self.jump.clone(),
        }
    }
}

impl From<&Login> for DeclaredLogin {
    fn from(kept: &Login) -> Self {
        let reference = |place: &Option<SecretPlace>| place.clone().map(SecretReference::from);
        Self {
            user: kept.user.clone(),
            port: kept.port,
            identities: kept.identities.clone(),
            key: reference(&kept.key),
            password: reference(&kept.password),
            passphrase: reference(&kept.passphrase),
            host_keys: kept.host_keys.clone(),
            jump: kept.jump.clone(),
        }
    }
}

impl SecretReference {
    fn place(&self) -> Option<SecretPlace> {
        Some(match self {
            Self::Literal(_) => return None,
            Self::Environment(name) => SecretPlace::Environment(name.clone()),
            Self::File(path) => SecretPlace::File(path.clone()),
            Self::Prompt => SecretPlace::Prompt,
        })
    }
}

impl From<SecretPlace> for SecretReference {
    fn from(place: SecretPlace) -> Self {
        match place {
            SecretPlace::Environment(name) => Self::Environment(name),
            SecretPlace::File(path) => Self::File(path),
            SecretPlace::Prompt => Self::Prompt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_holds_no_secret_and_reads_what_was_kept_before() {
        let declared = DeclaredLogin {
            user: Some("admin".to_owned()),
            password: Some(SecretReference::Literal("s3cret".into())),
            passphrase: Some(SecretReference::Environment("PHRASE".to_owned())),
            ..DeclaredLogin::default()
        };
        let kept = declared.kept();
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(text, r#"{"user":"admin","passphrase":{"environment":"PHRASE"}}"#);
        assert_eq!(serde_json::from_str::<Login>(&text).unwrap(), kept);

        let old = r#"{"user":null,"identities":["/k"],"password_file":"/secret","passphrase_file":null}"#;
        let old: Login = serde_json::from_str(old).unwrap();
        assert_eq!(old.password, Some(SecretPlace::File("/secret".into())));
        assert_eq!(DeclaredLogin::from(&old).kept(), old);
    }

    #[test]
    fn keys_of_two_sources_are_not_mixed() {
        let one = DeclaredLogin { key: Some(SecretReference::Prompt), ..DeclaredLogin::default() };
        let other =
            DeclaredLogin { identities: vec!["/k".into()], port: Some(23), ..DeclaredLogin::default() };
        let both = one.or(&other);
        assert!(both.identities.is_empty() && both.key.is_some());
        assert_eq!(both.port, Some(23));
    }
}
