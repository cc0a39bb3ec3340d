//! Whether a server is the one it should be: pins, known hosts, certificates and the policy for new keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use russh::client::{self, DisconnectReason};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::config::HostKeys;
use super::known_hosts::{self, KnownHosts, Verdict, describe};
use super::pattern;
use super::target::Trust;
use crate::error::{Class, Problem, Result};

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    /// The protocol or the connection.
    #[error(transparent)]
    Ssh(#[from] russh::Error),
    /// The server is not the one it should be.
    #[error("{0}")]
    Refused(Box<Problem>),
}

/// Why a connection ended, as far as it is known; empty while it lives.
pub(super) type LastWords = Arc<Mutex<String>>;

/// Guards a connection: lets only the right server through, and keeps its last words.
pub(super) struct Gatekeeper {
    trust: Arc<Trust>,
    known: Arc<KnownHosts>,
    last_words: LastWords,
}

impl Gatekeeper {
    pub(super) fn new(trust: Arc<Trust>, known: Arc<KnownHosts>, last_words: LastWords) -> Self {
        Self { trust, known, last_words }
    }
}

impl client::Handler for Gatekeeper {
    type Error = HandshakeError;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, HandshakeError> {
        let checked = match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                check_key(&self.trust, &self.known, key.key_data())
            }
            PublicKeyOrCertificate::Certificate(certificate) => {
                check_certificate(&self.trust, &self.known, certificate)
            }
        };
        checked.map(|()| true).map_err(|problem| HandshakeError::Refused(Box::new(problem)))
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandshakeError>) -> Result<(), HandshakeError> {
        let words = match &reason {
            DisconnectReason::ReceivedDisconnect(information) => information.message.clone(),
            DisconnectReason::Error(error) => error.to_string(),
        };
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = words;
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Lets `key` through, or says why not; a new key is remembered where the policy accepts it.
fn check_key(trust: &Trust, known: &KnownHosts, key: &KeyData) -> Result<()> {
    let verdict = known.judge(&trust.name, key);
    if let Verdict::Revoked { place } = verdict {
        return Err(Problem::new(Class::Connection, format!("the host key of {} is revoked", trust.name))
            .saw(format!("offered: {}", describe(key)))
            .saw(format!("revoked at {place}"))
            .remedy("the machine needs new host keys; do not connect before it has them"));
    }
    if !trust.pins.is_empty() {
        return check_pins(trust, key);
    }
    match (verdict, trust.policy) {
        (Verdict::Changed { fingerprint, place }, _) => {
            Err(changed(trust, key, &fingerprint, &place.to_string()))
        }
        (Verdict::Unknown, HostKeys::Strict) => Err(unknown(trust, known, key)),
        (Verdict::Unknown, HostKeys::AcceptNew) => {
            tracing::info!(host = %trust.name, key = %describe(key), "new host key accepted");
            match trust.known_hosts.first() {
                Some(file) => known_hosts::remember(file, &trust.name, key, trust.naming),
                None => Ok(()),
            }
        }
        (Verdict::Known | Verdict::Revoked { .. }, _) => Ok(()),
    }
}

fn check_pins(trust: &Trust, key: &KeyData) -> Result<()> {
    if trust.pins.iter().any(|pin| pin.fits(key)) {
        return Ok(());
    }
    let problem =
        Problem::new(Class::Connection, format!("{} does not have the pinned host key", trust.name))
            .saw(format!("offered: {}", describe(key)));
    Err(trust
        .pins
        .iter()
        .fold(problem, |problem, pin| problem.saw(format!("pinned: {pin}")))
        .remedy("if the machine was reinstalled, pin its new key; if not, somebody answers in its place"))
}

fn unknown(trust: &Trust, known: &KnownHosts, key: &KeyData) -> Problem {
    let problem = Problem::new(Class::Connection, format!("the host key of {} is not known", trust.name))
        .saw(format!("offered: {}", describe(key)));
    known
        .malformed
        .iter()
        .fold(problem, Problem::saw)
        .remedy("compare the fingerprint with what `ssh-keygen -lf` shows for /etc/ssh/ssh_host_*_key.pub on the machine")
        .remedy(format!("if it is the same: --host-key {}", key.fingerprint(HashAlg::Sha256)))
        .remedy("or trust every machine's key the first time it is seen: --host-keys accept-new")
}

fn changed(trust: &Trust, key: &KeyData, fingerprint: &str, place: &str) -> Problem {
    Problem::new(Class::Connection, format!("the host key of {} has changed", trust.name))
        .saw(format!("offered: {}", describe(key)))
        .saw(format!("known:   {fingerprint} at {place}"))
        .remedy("if the machine was reinstalled, remove that line and try again; if not, somebody answers in its place")
        .remedy(format!("to be sure of the new key: --host-key {}", key.fingerprint(HashAlg::Sha256)))
}

/// Lets a host certificate through that a known authority signed for this host and this time.
fn check_certificate(trust: &Trust, known: &KnownHosts, certificate: &Certificate) -> Result<()> {
    let key = certificate.public_key();
    if !trust.pins.is_empty() || known.judge(&trust.name, key) == Verdict::Known {
        return check_key(trust, known, key);
    }
    if let Verdict::Revoked { .. } = known.judge(&trust.name, key) {
        return check_key(trust, known, key);
    }
    let authority = certificate.signature_key();
    let wrong = |why: &str| {
        Problem::new(Class::Connection, format!("the host certificate of {} is not valid: {why}", trust.name))
            .saw(format!("key: {}", describe(key)))
            .saw(format!("signed by: {}", describe(authority)))
            .remedy("let the authority sign the machine's host key anew, or pin the key itself by --host-key")
    };
    if certificate.cert_type() != CertType::Host {
        return Err(wrong("it is a user's"));
    }
    let principals = certificate.valid_principals();
    if !principals.is_empty() && !principals.iter().any(|name| pattern::matches(name, &trust.principal)) {
        return Err(wrong(&format!("it is for {}", principals.join(", "))));
    }
    let fingerprints: Vec<_> =
        known.authorities(&trust.name).iter().map(|key| key.fingerprint(HashAlg::Sha256)).collect();
    if !fingerprints.contains(&authority.fingerprint(HashAlg::Sha256)) {
        return Err(wrong("no @cert-authority line names who signed it"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    if now < certificate.valid_after() || now >= certificate.valid_before() {
        return Err(wrong("it has expired or is not valid yet"));
    }
    certificate.validate_at(now, &fingerprints).map_err(|error| wrong(&error.to_string()))
}

/// Returns the host key types to ask for, those that the host is known by first, and the types of certificates.
///
/// Without this order a server that has several keys could offer one that is not known, though another one is.
pub(super) fn preferred_algorithms(trust: &Trust, known: &KnownHosts) -> (Vec<Algorithm>, Vec<Algorithm>) {
    let mut wanted = known.algorithms(&trust.name);
    wanted.extend(trust.pins.iter().filter_map(|pin| match pin {
        super::options::HostKeyPin::Key(key) => Some(PublicKey::algorithm(key)),
        super::options::HostKeyPin::Fingerprint(_) => None,
    }));
    let family = |algorithm: &Algorithm| match algorithm {
        Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
        other => other.clone(),
    };
    let wanted: Vec<Algorithm> = wanted.iter().map(family).collect();
    let all = russh::Preferred::DEFAULT.key;
    let (mut first, rest): (Vec<_>, Vec<_>) =
        all.iter().cloned().partition(|algorithm| wanted.contains(&family(algorithm)));
    first.extend(rest);
    let certificates = if known.authorities(&trust.name).is_empty() { Vec::new() } else { all.to_vec() };
    (first, certificates)
}
