//! Logging in: agent keys, private keys, keyboard-interactive and password, in this order, and what came of each.

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::agent::AgentIdentity;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};

use super::host_key::Gatekeeper;
use super::identity::{self, FileKey, FileKeys, KeySigner};
use super::target::Credentials;
use crate::error::{Class, Problem, Result};

/// How many keys are tried when there is also a password: a server hangs up after six refusals (sshd_config(5),
/// MaxAuthTries), and the password is to be heard before that.
const KEYS_BEFORE_PASSWORD: usize = 4;

/// Logs in, or says what was tried and refused.
pub(super) async fn log_in(
    handle: &mut Handle<Gatekeeper>,
    user: &str,
    credentials: &Credentials,
) -> Result<()> {
    let keys = identity::read_keys(credentials)?;
    let mut login = Login {
        handle,
        user,
        credentials,
        offered: MethodSet::empty(),
        tried: Vec::new(),
        keys_refused: 0,
        password: PasswordState::Unused,
    };
    match login.run(&keys).await {
        Ok(Progress::LoggedIn) => Ok(()),
        Ok(_) => Err(login.failure(keys)),
        Err(Broken(error)) => {
            let problem = Problem::new(Class::Connection, "the connection broke while logging in").saw(error);
            Err(login.tried.into_iter().fold(problem, Problem::saw))
        }
    }
}

/// The connection cannot be used any more.
struct Broken(russh::Error);

impl From<russh::Error> for Broken {
    fn from(error: russh::Error) -> Self {
        Self(error)
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// We are in.
    LoggedIn,
    /// It was accepted, and the server wants something else as well.
    Further,
    /// It was refused.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PasswordState {
    /// The server did not ask for it.
    Unused,
    /// It was refused.
    Refused,
}

struct Login<'a> {
    handle: &'a mut Handle<Gatekeeper>,
    user: &'a str,
    credentials: &'a Credentials,
    /// What the server is willing to hear next.
    offered: MethodSet,
    /// What was tried and what came of it, for the operator.
    tried: Vec<String>,
    keys_refused: usize,
    password: PasswordState,
}

impl Login<'_> {
    async fn run(&mut self, keys: &FileKeys) -> Result<Progress, Broken> {
        let greeting = self.handle.authenticate_none(self.user).await?;
        if self.note(&greeting, None) == Progress::LoggedIn {
            return Ok(Progress::LoggedIn);
        }
        if self.try_keys(keys).await? == Progress::LoggedIn {
            return Ok(Progress::LoggedIn);
        }
        if let Some(password) = &self.credentials.password {
            if self.try_keyboard(password).await? == Progress::LoggedIn {
                return Ok(Progress::LoggedIn);
            }
            // The same password again would only bring the account nearer to being locked.
            if self.password == PasswordState::Unused {
                return self.try_password(password).await;
            }
        }
        Ok(Progress::Refused)
    }

    /// Tries the keys in the agent, then those in files.
    async fn try_keys(&mut self, keys: &FileKeys) -> Result<Progress, Broken> {
        let most = match self.credentials.password {
            Some(_) => KEYS_BEFORE_PASSWORD,
            None => usize::MAX,
        };
        let mut seen = Vec::new();
        if let Some(socket) = &self.credentials.agent
            && self.may(MethodKind::PublicKey)
        {
            let wanted = &self.credentials.identities;
            if let Some(mut agent) = identity::open_agent(socket, wanted, keys, &mut self.tried).await {
                for identity in std::mem::take(&mut agent.identities) {
                    if self.keys_refused >= most || !self.may(MethodKind::PublicKey) {
                        break;
                    }
                    let progress = self.try_agent_key(&identity, &mut agent.client).await?;
                    if progress != Progress::Refused {
                        return Ok(progress);
                    }
                    if matches!(identity, AgentIdentity::PublicKey { .. }) {
                        seen.push(identity.public_key().key_data().clone());
                    }
                }
            }
        }
        for key in &keys.usable {
            if self.keys_refused >= most || !self.may(MethodKind::PublicKey) {
                break;
            }
            if key.certificate.is_none() && seen.contains(key.key.public_key().key_data()) {
                continue;
            }
            let progress = self.try_file_key(key).await?;
            if progress != Progress::Refused {
                return Ok(progress);
            }
        }
        Ok(Progress::Refused)
    }

    async fn try_agent_key(
        &mut self,
        identity: &AgentIdentity,
        agent: &mut russh::keys::agent::client::AgentClient<tokio::net::UnixStream>,
    ) -> Result<Progress, Broken> {
        let key = identity.public_key().into_owned();
        let hash = self.rsa_hash(&key.algorithm()).await?;
        let result = match identity {
            AgentIdentity::PublicKey { .. } => {
                self.handle.authenticate_publickey_with(self.user, key.clone(), hash, agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                self.handle.authenticate_certificate_with(self.user, certificate.clone(), hash, agent).await
            }
        };
        let what = format!("agent key {}", identity::describe(&key));
        match result {
            Ok(result) => Ok(self.note_key(&result, what)),
            Err(error) => Ok(self.note_unsigned(&what, &error)),
        }
    }

    async fn try_file_key(&mut self, file: &FileKey) -> Result<Progress, Broken> {
        let what = format!("key {} ({})", file.path.display(), identity::describe(file.key.public_key()));
        let hash = self.rsa_hash(&file.key.algorithm()).await?;
        if let Some(certificate) = &file.certificate {
            let mut signer = KeySigner(file.key.clone());
            let result = self
                .handle
                .authenticate_certificate_with(self.user, certificate.clone(), hash, &mut signer)
                .await;
            let what = format!("certificate for {what}");
            let progress = match result {
                Ok(result) => self.note_key(&result, what),
                Err(error) => self.note_unsigned(&what, &error),
            };
            if progress != Progress::Refused {
                return Ok(progress);
            }
        }
        let key = PrivateKeyWithHashAlg::new(file.key.clone(), hash);
        let result = self.handle.authenticate_publickey(self.user, key).await?;
        Ok(self.note_key(&result, what))
    }

    /// Returns the hash to sign with: the best the server names, SHA-512 when it names none.
    async fn rsa_hash(&self, algorithm: &Algorithm) -> Result<Option<HashAlg>, Broken> {
        match algorithm {
            Algorithm::Rsa { .. } => {
                Ok(self.handle.best_supported_rsa_hash().await?.unwrap_or(Some(HashAlg::Sha512)))
            }
            _ => Ok(None),
        }
    }

    /// Answers the server's first hidden question with the password.
    async fn try_keyboard(&mut self, password: &SecretString) -> Result<Progress, Broken> {
        if !self.may(MethodKind::KeyboardInteractive) {
            return Ok(Progress::Refused);
        }
        let mut response = self.handle.authenticate_keyboard_interactive_start(self.user, None).await?;
        let mut answered = false;
        loop {
            let prompts = match response {
                KeyboardInteractiveAuthResponse::Success => return Ok(Progress::LoggedIn),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    let result = AuthResult::Failure { remaining_methods, partial_success };
                    let progress = self.note(&result, Some("password (keyboard-interactive)".into()));
                    if answered && progress == Progress::Refused {
                        self.password = PasswordState::Refused;
                    }
                    return Ok(progress);
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            let answers = match answers(&prompts, (!answered).then_some(password)) {
                Ok(answers) => answers,
                Err(question) => {
                    self.tried.push(format!("keyboard-interactive: the machine asks `{question}`"));
                    // Empty answers end the exchange, so that another way can be tried.
                    vec![String::new(); prompts.len()]
                }
            };
            answered |= !prompts.is_empty();
            response = self.handle.authenticate_keyboard_interactive_respond(answers).await?;
        }
    }

    async fn try_password(&mut self, password: &SecretString) -> Result<Progress, Broken> {
        if !self.may(MethodKind::Password) {
            return Ok(Progress::Refused);
        }
        let result = self.handle.authenticate_password(self.user, password.expose_secret()).await?;
        let progress = self.note(&result, Some("password".into()));
        if progress == Progress::Refused {
            self.password = PasswordState::Refused;
        }
        Ok(progress)
    }

    /// Tells whether the server would hear this.
    fn may(&self, method: MethodKind) -> bool {
        self.offered.contains(&method) && !self.handle.is_closed()
    }

    fn note_key(&mut self, result: &AuthResult, what: String) -> Progress {
        let progress = self.note(result, Some(what));
        self.keys_refused += usize::from(progress == Progress::Refused);
        progress
    }

    fn note_unsigned(&mut self, what: &str, error: &russh::AgentAuthError) -> Progress {
        self.tried.push(format!("{what}: cannot sign: {error}"));
        Progress::Refused
    }

    fn note(&mut self, result: &AuthResult, what: Option<String>) -> Progress {
        let (progress, word) = match result {
            AuthResult::Success => (Progress::LoggedIn, "accepted"),
            AuthResult::Failure { partial_success: true, .. } => {
                (Progress::Further, "accepted, but the machine wants more")
            }
            AuthResult::Failure { .. } => (Progress::Refused, "refused"),
        };
        if let AuthResult::Failure { remaining_methods, .. } = result {
            self.offered = remaining_methods.clone();
        }
        if let Some(what) = what {
            self.tried.push(format!("{what}: {word}"));
        }
        progress
    }

    /// Says why nothing let us in.
    fn failure(self, keys: FileKeys) -> Problem {
        let user = self.user;
        let methods: Vec<&str> = self.offered.iter().map(<&str>::from).collect();
        let hung_up = self.handle.is_closed();
        let locked = keys.locked.into_iter().next();
        let mut problem = if self.password == PasswordState::Refused {
            Problem::new(Class::Connection, format!("the password of {user} is refused"))
                .remedy("check the user and the password; each is tried once, so that no account gets locked")
                .remedy("for root, look at PermitRootLogin in the machine's sshd_config")
        } else if let Some(locked) = locked {
            locked
        } else if self.keys_refused > 0 {
            Problem::new(Class::Connection, format!("no key lets {user} in"))
                .remedy(format!("add the public key to ~{user}/.ssh/authorized_keys on the machine"))
                .remedy("or name another key by --identity, or give a password by --password-file")
        } else {
            Problem::new(Class::Connection, format!("there is nothing to log {user} in with"))
                .remedy("name a key by --identity, start an SSH agent, or give a password by --password-file")
        };
        for tried in self.tried {
            problem = problem.saw(tried);
        }
        if hung_up {
            problem = problem
                .saw("the machine hung up after too many attempts")
                .remedy("name the one right key by --identity, so that no other is tried");
        } else if !methods.is_empty() {
            problem = problem.saw(format!("the machine lets in by: {}", methods.join(", ")));
        }
        problem
    }
}

/// Answers hidden prompts with the password, which may be used once.
///
/// # Errors
/// The question that a password is no answer to.
fn answers(prompts: &[Prompt], password: Option<&SecretString>) -> Result<Vec<String>, String> {
    match prompts {
        [] => Ok(Vec::new()),
        [prompt] if !prompt.echo => match password {
            Some(password) => Ok(vec![password.expose_secret().to_owned()]),
            None => Err(prompt.prompt.trim().to_owned()),
        },
        [prompt, ..] => Err(prompt.prompt.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str, echo: bool) -> Prompt {
        Prompt { prompt: text.into(), echo }
    }

    #[test]
    fn the_password_answers_one_hidden_prompt_in_any_language() {
        let secret = SecretString::from("s3cret");
        assert_eq!(answers(&[], Some(&secret)), Ok(vec![]));
        assert_eq!(answers(&[prompt("Passwort: ", false)], Some(&secret)), Ok(vec!["s3cret".into()]));
        for prompts in [
            vec![prompt("Verification code:", true)],
            vec![prompt("Password:", false), prompt("Code:", false)],
        ] {
            assert!(answers(&prompts, Some(&secret)).is_err());
        }
        assert_eq!(answers(&[prompt("Code: ", false)], None), Err("Code:".into()));
    }
}
