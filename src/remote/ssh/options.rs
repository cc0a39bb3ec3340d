//! How the operator wants machines to be reached.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use russh::keys::ssh_key::Fingerprint;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PublicKey};
use secrecy::SecretString;

use super::config::HostKeys;
use crate::error::{Class, Problem, Result};

/// A host key that the operator knows in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyPin {
    /// The key itself.
    Key(Box<PublicKey>),
    /// Its SHA-256 fingerprint.
    Fingerprint(Fingerprint),
}

impl HostKeyPin {
    pub(super) fn fits(&self, key: &KeyData) -> bool {
        match self {
            Self::Key(pinned) => pinned.key_data() == key,
            Self::Fingerprint(pinned) => key.fingerprint(HashAlg::Sha256) == *pinned,
        }
    }
}

impl FromStr for HostKeyPin {
    type Err = Problem;

    /// Reads `SHA256:...` as `ssh-keygen -l` shows it, or `ssh-ed25519 AAAA...` as a `.pub` file has it.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = || {
            Problem::new(Class::Usage, format!("`{text}` is not a host key"))
                .remedy("write SHA256:... as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows it on the machine")
                .remedy("or the key as the .pub file has it: ssh-ed25519 AAAA...")
        };
        if text.starts_with("SHA256:") {
            return text.parse().map(Self::Fingerprint).map_err(|_| wrong());
        }
        PublicKey::from_openssh(text).map(|key| Self::Key(Box::new(key))).map_err(|_| wrong())
    }
}

impl fmt::Display for HostKeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "{}", key.fingerprint(HashAlg::Sha256)),
            Self::Fingerprint(fingerprint) => write!(f, "{fingerprint}"),
        }
    }
}

/// How a machine is reached. What is empty is taken from `~/.ssh/config`, and then from OpenSSH's habits.
#[derive(Debug, Clone, Default)]
pub struct SshOptions {
    /// The user to log in as; else the configuration's, else root.
    pub user: Option<String>,
    /// The port, where the address has none.
    pub port: Option<u16>,
    /// The password for password and keyboard-interactive login.
    pub password: Option<SecretString>,
    /// Private keys. When given, no other key is offered, also none of the agent's.
    pub identities: Vec<PathBuf>,
    /// Private keys in place, as their files have them; offered like those of `identities`.
    pub keys: Vec<SecretString>,
    /// The passphrase of private keys that are encrypted.
    pub passphrase: Option<SecretString>,
    /// The socket of the SSH agent; else the configuration's, else `SSH_AUTH_SOCK`.
    pub agent_socket: Option<PathBuf>,
    /// How an unknown host key is met; else the configuration's, else strictly.
    pub host_keys: Option<HostKeys>,
    /// The host keys this machine may have; when given, `known_hosts` is only asked for revoked keys.
    pub pins: Vec<HostKeyPin>,
    /// The file of known hosts; else the configuration's, else `~/.ssh/known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// The SSH configuration; else `~/.ssh/config`.
    pub config: Option<PathBuf>,
    /// The jump hosts as for `ssh -J`, `none` for none; else the configuration's.
    pub jump: Option<String>,
    /// The password for login on jump hosts, which never get the machine's.
    pub jump_password: Option<SecretString>,
    /// The password for sudo; else the login password.
    pub sudo_password: Option<SecretString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_pin_is_a_key_or_its_fingerprint() {
        let key = PublicKey::from_openssh(KEY).unwrap();
        for text in [KEY, &format!("{KEY} root@node"), "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ"] {
            let pin: HostKeyPin = text.parse().unwrap();
            assert!(pin.fits(key.key_data()), "{text}");
            assert_eq!(pin.to_string(), "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ");
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for text in ["", "SHA256:short", "MD5:aa:bb", "ssh-ed25519 AAAA"] {
            assert!(text.parse::<HostKeyPin>().is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let options = SshOptions { password: Some("s3cret".into()), ..SshOptions::default() };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
