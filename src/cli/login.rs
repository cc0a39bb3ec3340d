//! The flags about logging in, shared by every command that reaches machines.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::{Class, Context as _, Result};
use crate::model::{DeclaredLogin, SecretReference};
use crate::ops::{Context, LoginRequest};
use crate::remote::HostKeys;

/// How to log in to the machines.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging in")]
pub(super) struct LoginArgs {
    /// The user to log in as [default: that of ~/.ssh/config, then root]
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,

    /// A file whose first line is the password, for login and sudo
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// The password itself, as the family has it; everybody on this machine can read it while the command runs.
    /// `-` reads it from standard input
    #[arg(long, short, value_name = "VALUE", conflicts_with = "password_file", allow_hyphen_values = true)]
    passwd: Option<String>,

    /// A private key; may be given more than once [default: those of ~/.ssh/config and the SSH agent]
    #[arg(long, short, visible_alias = "pk", value_name = "FILE")]
    identity: Vec<PathBuf>,

    /// A file whose first line is the passphrase of the private key
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// The port of SSH, where an address has none [default: that of ~/.ssh/config, then 22]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// What to do about a host key that is not known; one that has changed is always refused
    #[arg(long, value_enum, value_name = "POLICY")]
    host_keys: Option<HostKeyPolicy>,

    /// A host key that is known: SHA256:..., or as in a .pub file; may be given more than once
    #[arg(long, value_name = "KEY")]
    host_key: Vec<String>,

    /// Hosts to jump through, as for `ssh -J`
    #[arg(long, short = 'J', value_name = "HOSTS")]
    jump: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HostKeyPolicy {
    /// Refuse it
    Strict,
    /// Add it to known_hosts and go on
    AcceptNew,
}

impl LoginArgs {
    /// Returns the request; warns of a password that others can read.
    pub(super) fn request(&self, context: &Context) -> Result<LoginRequest> {
        let password = match self.passwd.as_deref() {
            None => None,
            Some("-") => Some(from_standard_input()?),
            Some(value) => {
                context.reporter.warn(
                    "the password stands on the command line, where every user of this machine can read it; \
                     --password-file or `--passwd -` keeps it to yourself",
                );
                Some(value.to_owned().into())
            }
        };
        let file = |file: &Option<PathBuf>| -> Result<Option<SecretReference>> {
            file.as_ref().map(|file| one_absolute(file).map(SecretReference::File)).transpose()
        };
        Ok(LoginRequest {
            login: DeclaredLogin {
                user: self.user.clone(),
                port: self.port,
                identities: absolute(&self.identity)?,
                key: None,
                password: password.map(SecretReference::Literal).or(file(&self.password_file)?),
                passphrase: file(&self.passphrase_file)?,
                host_keys: self.host_key.clone(),
                jump: self.jump.clone(),
            },
            host_keys: self.host_keys.map(|policy| match policy {
                HostKeyPolicy::Strict => HostKeys::Strict,
                HostKeyPolicy::AcceptNew => HostKeys::AcceptNew,
            }),
        })
    }
}

pub(super) fn from_standard_input() -> Result<secrecy::SecretString> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .problem(Class::Usage, "cannot read the password from standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned().into())
}

/// Paths are kept for later commands, which may start elsewhere.
fn absolute(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    files.iter().map(one_absolute).collect()
}

fn one_absolute(file: &PathBuf) -> Result<PathBuf> {
    std::path::absolute(file).problem_with(Class::Usage, || format!("{} cannot be used", file.display()))
}
