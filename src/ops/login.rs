//! How the operator logs in: what flags say, what is declared, and secrets read from where they are, each once.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::context::Context;
use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx;
use crate::model::{DeclaredLogin, SecretReference};
use crate::remote::{HostKeys, SshOptions};

/// What the command line says about logging in. It wins over everything that is declared.
#[derive(Debug, Clone, Default)]
pub struct LoginRequest {
    /// What is kept for the next command, but for secrets.
    pub login: DeclaredLogin,
    /// How an unknown host key is met.
    pub host_keys: Option<HostKeys>,
}

/// Reads secrets. Each is read or asked for once, and hidden from all that is written.
pub(super) struct Secrets<'a> {
    context: &'a Context,
    read: BTreeMap<String, SecretString>,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, read: BTreeMap::new() }
    }

    /// Returns how one machine is reached: `own` is what is said for it, `common` for those that say nothing.
    pub(super) fn options(
        &mut self,
        machine: &str,
        own: &DeclaredLogin,
        common: &DeclaredLogin,
        host_keys: Option<HostKeys>,
    ) -> Result<SshOptions> {
        let login = own.or(common);
        let password = self.one(login.password.as_ref(), own.password.as_ref(), "password", machine)?;
        let passphrase =
            self.one(login.passphrase.as_ref(), own.passphrase.as_ref(), "passphrase", machine)?;
        let key = self.one(login.key.as_ref(), own.key.as_ref(), "private key", machine)?;
        Ok(SshOptions {
            user: login.user,
            port: login.port,
            password,
            identities: login.identities,
            keys: key.into_iter().collect(),
            passphrase,
            host_keys,
            pins: login.host_keys.iter().map(|key| key.parse()).collect::<Result<_>>()?,
            jump: login.jump,
            ..SshOptions::default()
        })
    }

    /// Reads the secret of a machine; one that is common to all is asked for once.
    fn one(
        &mut self,
        secret: Option<&SecretReference>,
        own: Option<&SecretReference>,
        what: &str,
        machine: &str,
    ) -> Result<Option<SecretString>> {
        let whose = if own.is_some() { machine } else { "the machines" };
        secret.map(|secret| self.read(secret, &format!("{what} of {whose}"))).transpose()
    }

    /// Reads a secret, which people know as `what`.
    pub(super) fn read(&mut self, reference: &SecretReference, what: &str) -> Result<SecretString> {
        let place = match reference {
            SecretReference::Literal(secret) => {
                self.context.reporter.hide(secret);
                return Ok(secret.clone());
            }
            SecretReference::Environment(name) => format!("env {name}"),
            SecretReference::File(path) => format!("file {}", path.display()),
            SecretReference::Prompt => what.to_owned(),
        };
        if let Some(secret) = self.read.get(&place) {
            return Ok(secret.clone());
        }
        let secret = self.fetch(reference, what)?;
        self.context.reporter.hide(&secret);
        self.read.insert(place, secret.clone());
        Ok(secret)
    }

    fn fetch(&self, reference: &SecretReference, what: &str) -> Result<SecretString> {
        match reference {
            SecretReference::Literal(secret) => Ok(secret.clone()),
            SecretReference::Environment(name) => {
                let value = self.context.environment.get(name).filter(|value| !value.is_empty());
                let value = value.cloned().ok_or_else(|| {
                    Problem::new(
                        Class::Usage,
                        format!("the {what} should be in the variable `{name}`, which is not set"),
                    )
                    .remedy(format!("export {name}, or give it with a flag: see `--help`, Logging in"))
                })?;
                Ok(value.into())
            }
            SecretReference::File(path) => {
                let text =
                    fsx::read_text(path).map_err(|problem| Problem { class: Class::Usage, ..problem })?;
                first_line_or_key(&text)
                    .problem_with(Class::Usage, || format!("no {what} in {}", path.display()))
                    .map(|secret| secret.to_owned().into())
            }
            SecretReference::Prompt => {
                let secret = self.context.reporter.secret(what)?;
                if secret.expose_secret().is_empty() {
                    return Err(Problem::new(Class::Usage, format!("no {what} was given")));
                }
                Ok(secret)
            }
        }
    }
}

/// A secret is the file's first line; a private key has many.
fn first_line_or_key(text: &str) -> Result<&str, &'static str> {
    if text.starts_with("-----BEGIN ") {
        return Ok(text);
    }
    text.lines().next().filter(|line| !line.is_empty()).ok_or("it is empty")
}
