//! sudo: a prompt that is ours alone, and what its refusals mean.

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::process::Ending;
use crate::error::{Class, Problem};

/// The prompt that sudo is told to ask with.
///
/// It holds a random number, so that nothing else on standard error, in whatever language, can be taken for it: the
/// password is written only when sudo itself asks.
#[derive(Debug, Clone)]
pub(super) struct Prompt(String);

impl Prompt {
    /// Makes a prompt that was never used before.
    pub(super) fn new() -> Self {
        Self(format!("@sealift-sudo-{:016x}:", rand::random::<u64>()))
    }

    /// Returns the text for `sudo -p`; it has no character that means something to sudo or a shell.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Returns the line that answers the prompt.
pub(super) fn answer(password: &SecretString) -> Zeroizing<Vec<u8>> {
    let secret = password.expose_secret().as_bytes();
    let mut line = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
    line.extend_from_slice(secret);
    line.push(b'\n');
    line
}

/// sudo asks for a password and there is none.
pub(super) fn password_wanted() -> Problem {
    Problem::new(Class::Connection, "sudo asks for a password and none was given")
        .remedy("give the password by --password-file or in the Clusterfile")
        .remedy(
            "or let the user run everything without one: `USER ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d",
        )
}

/// sudo asks again after the password was given.
pub(super) fn password_wrong() -> Problem {
    Problem::new(Class::Connection, "sudo does not accept the password")
        .remedy("check the password for sudo; it was tried once, so that no account gets locked")
}

/// The machine has no sudo and the user is not root.
pub(super) fn missing(user: &str) -> Problem {
    Problem::new(Class::Machine, format!("the user {user} is not root and sudo is not installed"))
        .remedy("log in as root, or install sudo on the machine")
}

/// What sudo's refusals say in the C locale, and what they mean to the operator.
const REFUSALS: [(&str, &str, &str); 6] = [
    (
        "is not in the sudoers file",
        "the user may not use sudo",
        "add the user to the group sudo or wheel, or to /etc/sudoers.d",
    ),
    (
        "may not run sudo",
        "the user may not use sudo",
        "add the user to the group sudo or wheel, or to /etc/sudoers.d",
    ),
    (
        "is not allowed to execute",
        "sudo does not allow the user to start the agent",
        "let the user run all commands as root in /etc/sudoers.d",
    ),
    (
        "must have a tty",
        "sudo insists on a terminal",
        "add `Defaults:USER !requiretty` for the user in /etc/sudoers.d",
    ),
    (
        "incorrect password attempt",
        "sudo does not accept the password",
        "check the password for sudo; it was tried once, so that no account gets locked",
    ),
    (
        "must be owned by uid 0 and have the setuid bit set",
        "sudo on the machine is broken",
        "reinstall sudo there, or log in as root",
    ),
];

/// Explains why sudo ended before the agent greeted; `said` is what was on standard error.
pub(super) fn refusal(said: &[String], ending: &Ending) -> Problem {
    let known =
        REFUSALS.iter().find(|(words, ..)| said.iter().any(|line| line.contains(words))).map(|entry| {
            // The door is shut for the user: as with a wrong password, it is not the machine that fails.
            Problem::new(Class::Connection, entry.1).remedy(entry.2)
        });
    let problem = known.unwrap_or_else(|| {
        Problem::new(Class::Machine, format!("sudo did not start the agent: {ending}"))
            .remedy("try `sudo true` on the machine as this user")
    });
    said.iter().fold(problem, Problem::saw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_is_another_and_safe_in_a_shell() {
        let prompt = Prompt::new();
        assert_ne!(prompt.text(), Prompt::new().text());
        assert!(
            prompt.text().chars().all(|c| c.is_ascii_alphanumeric() || "@-:".contains(c)),
            "{}",
            prompt.text()
        );
    }

    #[test]
    fn refusals_are_told_apart() {
        for (said, message, class) in [
            ("eve is not in the sudoers file.", "the user may not use sudo", Class::Connection),
            ("Sorry, user eve may not run sudo on node-1.", "the user may not use sudo", Class::Connection),
            ("sudo: sorry, you must have a tty to run sudo", "sudo insists on a terminal", Class::Connection),
            (
                "sudo: unable to execute /tmp/x: Permission denied",
                "sudo did not start the agent: it exited with status 1",
                Class::Machine,
            ),
        ] {
            let problem = refusal(&[said.to_owned()], &Ending::Exited(1));
            assert_eq!((problem.message.as_str(), problem.class), (message, class));
            assert_eq!(problem.seen, [said]);
            assert!(!problem.remedies.is_empty());
        }
    }
}
