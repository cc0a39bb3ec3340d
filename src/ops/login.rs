//! How the operator logs in: what was asked for now, else what served the last time.

use std::path::Path;

use secrecy::SecretString;

use crate::error::{Class, Context as _, Result};
use crate::fsx;
use crate::model::{Login, MachineSpec};
use crate::remote::{HostKeys, Machine, SshMachine, SshOptions};

/// What the command line says about logging in.
#[derive(Debug, Clone, Default)]
pub struct LoginRequest {
    /// Names and paths, which are kept for the next command.
    pub login: Login,
    /// A password given by value, which is not.
    pub password: Option<SecretString>,
    /// How an unknown host key is met.
    pub host_keys: Option<HostKeys>,
    /// Hosts to jump through, as for `ssh -J`.
    pub jump: Option<String>,
}

impl LoginRequest {
    /// Fills what was not said from what served the last time.
    pub(super) fn or(mut self, last: &Login) -> Self {
        let own = &mut self.login;
        own.user = own.user.take().or_else(|| last.user.clone());
        own.port = own.port.or(last.port);
        own.password_file = own.password_file.take().or_else(|| last.password_file.clone());
        own.passphrase_file = own.passphrase_file.take().or_else(|| last.passphrase_file.clone());
        if own.identities.is_empty() {
            own.identities.clone_from(&last.identities);
        }
        if own.host_keys.is_empty() {
            own.host_keys.clone_from(&last.host_keys);
        }
        self
    }

    /// Returns a machine that is reached this way.
    pub(super) fn machine(&self, spec: &MachineSpec, options: &SshOptions) -> Box<dyn Machine> {
        Box::new(SshMachine::of_spec(spec, options.clone()))
    }

    /// Reads the files that hold secrets.
    pub(super) fn options(&self) -> Result<SshOptions> {
        let password = match (&self.password, &self.login.password_file) {
            (Some(password), _) => Some(password.clone()),
            (None, Some(path)) => Some(secret_file(path)?),
            (None, None) => None,
        };
        Ok(SshOptions {
            user: self.login.user.clone(),
            port: self.login.port,
            password,
            identities: self.login.identities.clone(),
            passphrase: self.login.passphrase_file.as_deref().map(secret_file).transpose()?,
            host_keys: self.host_keys,
            pins: self.login.host_keys.iter().map(|key| key.parse()).collect::<Result<_>>()?,
            jump: self.jump.clone(),
            ..SshOptions::default()
        })
    }
}

/// Reads a secret: the file's first line.
fn secret_file(path: &Path) -> Result<SecretString> {
    let text =
        fsx::read_text(path).map_err(|problem| crate::error::Problem { class: Class::Usage, ..problem })?;
    let line = text.lines().next().filter(|line| !line.is_empty()).ok_or("it is empty");
    Ok(line.problem_with(Class::Usage, || format!("no secret in {}", path.display()))?.to_owned().into())
}
