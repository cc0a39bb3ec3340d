//! Private keys: from files, with their passphrase, and in the SSH agent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{self, Signature};
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::target::{Credentials, Identities};
use crate::error::{Class, Context, Problem, Result};

/// What a key is called that is in no file.
const GIVEN: &str = "that was given in place";

/// A private key from a file.
#[derive(Debug)]
pub(super) struct FileKey {
    pub(super) path: PathBuf,
    pub(super) key: Arc<PrivateKey>,
    /// What an authority says about it, from the file beside it that ends in `-cert.pub`.
    pub(super) certificate: Option<Certificate>,
}

/// The private keys that may be tried.
#[derive(Debug, Default)]
pub(super) struct FileKeys {
    pub(super) usable: Vec<FileKey>,
    /// Why a key cannot be used: it is encrypted, and the passphrase is missing or wrong.
    pub(super) locked: Vec<Problem>,
    /// The public parts of all keys, also of those that are locked: the agent may have them open.
    pub(super) public: Vec<PublicKey>,
}

/// Reads the private keys of `credentials`.
pub(super) fn read_keys(credentials: &Credentials) -> Result<FileKeys> {
    let mut keys = FileKeys::default();
    let (files, named) = match &credentials.identities {
        Identities::Only(files) => (files, true),
        Identities::AgentAnd(files) => (files, false),
    };
    for path in files {
        match std::fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => keys.add(path, &text, credentials)?,
            // Its public half is enough when the agent holds the key.
            Err(_) if public_beside(path).is_some() => keys.public.extend(public_beside(path)),
            Err(error) if named => {
                return Err(error).problem_with(Class::Config, || {
                    format!("the private key {} cannot be read", path.display())
                });
            }
            Err(_) => {}
        }
    }
    for text in &credentials.keys {
        keys.add(Path::new(GIVEN), text.expose_secret(), credentials)?;
    }
    Ok(keys)
}

impl FileKeys {
    fn add(&mut self, path: &Path, text: &str, credentials: &Credentials) -> Result<()> {
        self.public.extend(public_beside(path));
        // `IdentityFile` may name the public half of a key that the agent holds.
        if let Ok(key) = PublicKey::from_openssh(text.trim()) {
            self.public.push(key);
            return Ok(());
        }
        if let Ok(key) = PrivateKey::from_openssh(text) {
            self.public.push(key.public_key().clone());
        }
        match unlock(path, text, credentials.passphrase.as_ref()) {
            Ok(key) => {
                let certificate = certificate(path, &key, &credentials.certificates);
                self.usable.push(FileKey { path: path.to_owned(), key: Arc::new(key), certificate });
                Ok(())
            }
            Err(Locked::Passphrase(problem)) => {
                self.locked.push(problem);
                Ok(())
            }
            Err(Locked::Broken(problem)) => Err(problem),
        }
    }
}

enum Locked {
    Passphrase(Problem),
    Broken(Problem),
}

fn unlock(path: &Path, text: &str, passphrase: Option<&SecretString>) -> Result<PrivateKey, Locked> {
    let path = path.display();
    let clear = decode_secret_key(text, None);
    if let Ok(key) = clear {
        return Ok(key);
    }
    if !is_encrypted(text) {
        let problem =
            Problem::new(Class::Config, format!("{path} is not a private key that sealift can read"))
                .remedy("formats that are read: OpenSSH, PKCS#1, PKCS#8 and PuTTY");
        let problem = clear.err().into_iter().fold(problem, Problem::saw);
        return Err(Locked::Broken(problem));
    }
    let Some(passphrase) = passphrase else {
        return Err(Locked::Passphrase(
            Problem::new(
                Class::Connection,
                format!("the private key {path} is encrypted and no passphrase was given"),
            )
            .remedy("give it by --passphrase-file")
            .remedy(format!("or open the key in an SSH agent: ssh-add {path}")),
        ));
    };
    decode_secret_key(text, Some(passphrase.expose_secret())).map_err(|_| {
        Locked::Passphrase(
            Problem::new(Class::Connection, format!("the passphrase does not open the private key {path}"))
                .remedy(format!("try it with: ssh-keygen -y -f {path}")),
        )
    })
}

fn is_encrypted(text: &str) -> bool {
    text.contains("ENCRYPTED")
        || PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
        || text.lines().any(|line| line.starts_with("Encryption: ") && !line.ends_with("none"))
}

fn public_beside(path: &Path) -> Option<PublicKey> {
    let text = std::fs::read_to_string(with_suffix(path, ".pub")).ok()?;
    PublicKey::from_openssh(text.trim()).ok()
}

/// Returns the certificate for `key`: one that was named, or the one beside the key.
fn certificate(path: &Path, key: &PrivateKey, named: &[PathBuf]) -> Option<Certificate> {
    let beside = with_suffix(path, "-cert.pub");
    named
        .iter()
        .chain([&beside])
        .filter_map(|file| russh::keys::load_openssh_certificate(file).ok())
        .find(|certificate| certificate.public_key() == key.public_key().key_data())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Signs with a key from a file for a certificate.
///
/// russh signs certificates of RSA keys with SHA-1 when it has the key itself, which no current server accepts.
pub(super) struct KeySigner(pub(super) Arc<PrivateKey>);

impl russh::Signer for KeySigner {
    type Error = russh::AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        let signature = match self.0.key_data() {
            KeypairData::Rsa(key) => (key, hash).try_sign(&data),
            _ => self.0.try_sign(&data),
        };
        let signature: Signature =
            signature.map_err(|error| russh::keys::Error::from(ssh_key::Error::from(error)))?;
        let encoded = signature.encode_vec().map_err(russh::keys::Error::from)?;
        encoded.encode(&mut data).map_err(russh::keys::Error::from)?;
        Ok(data)
    }
}

/// A running SSH agent and the keys in it that may be tried.
pub(super) struct Agent {
    pub(super) client: AgentClient<UnixStream>,
    pub(super) identities: Vec<AgentIdentity>,
}

/// Asks the agent at `socket` for its keys; where only certain keys are wanted, for those.
///
/// An agent that does not answer has no keys; a note about it goes to `notes`.
pub(super) async fn open_agent(
    socket: &Path,
    wanted: &Identities,
    keys: &FileKeys,
    notes: &mut Vec<String>,
) -> Option<Agent> {
    let asked = async {
        let mut client = AgentClient::connect_uds(socket).await?;
        let identities = client.request_identities().await?;
        Ok::<_, russh::keys::Error>((client, identities))
    };
    let (client, identities) = match asked.await {
        Ok(answer) => answer,
        Err(error) => {
            notes.push(format!("the SSH agent at {} does not answer: {error}", socket.display()));
            return None;
        }
    };
    let identities = identities
        .into_iter()
        .filter(|identity| match wanted {
            Identities::AgentAnd(_) => true,
            Identities::Only(_) => {
                let public = identity.public_key();
                keys.public.iter().any(|key| key.key_data() == public.key_data())
            }
        })
        .collect();
    Some(Agent { client, identities })
}

/// Describes a key for people: its type and fingerprint.
pub(super) fn describe(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}
