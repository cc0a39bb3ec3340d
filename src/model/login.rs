//! How machines are logged in to, as far as it may be kept: names and paths, and where secrets are to be found.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// How the operator logged in: names and paths, never a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user.
    #[serde(default)]
    pub user: Option<String>,
    /// The port where an address has none.
    #[serde(default)]
    pub port: Option<u16>,
    /// Private keys.
    #[serde(default)]
    pub identities: Vec<PathBuf>,
    /// A file with the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A file with the key's passphrase.
    #[serde(default)]
    pub passphrase_file: Option<PathBuf>,
    /// Pinned host keys.
    #[serde(default)]
    pub host_keys: Vec<String>,
}

impl Login {
    /// Tells whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
