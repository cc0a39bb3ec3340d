//! Which host keys are known, which are revoked, and who may certify them: OpenSSH's `known_hosts` files.
//!
//! The format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use sha1::Sha1;

use super::pattern;
use crate::error::{Class, Context, Result};

/// How a host is called in these files: `host`, or `[host]:port` when the port is not 22.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostName {
    name: String,
    /// The host alone, where `name` has a port: OpenSSH takes a key known for it as known.
    bare: Option<String>,
}

impl HostName {
    /// Returns the name of the server at a port of a host.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        if port == 22 {
            Self { name: host, bare: None }
        } else {
            Self { name: format!("[{host}]:{port}"), bare: Some(host) }
        }
    }

    /// Returns the name that a `HostKeyAlias` gives, whatever the port.
    pub(super) fn alias(alias: &str) -> Self {
        Self { name: alias.to_ascii_lowercase(), bare: None }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: Arc<Path>,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What the files say about a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The host is known by this key.
    Known,
    /// The host is not known at all.
    Unknown,
    /// The host is known, but by another key.
    Changed { fingerprint: String, place: Place },
    /// The key must not be trusted.
    Revoked { place: Place },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    CertAuthority,
    Revoked,
}

#[derive(Debug)]
enum Hosts {
    Patterns(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

impl Hosts {
    fn contain(&self, name: &str) -> bool {
        match self {
            Self::Patterns(patterns) => pattern::list_matches(patterns.iter().map(String::as_str), name),
            Self::Hashed { salt, hash } => hashed(salt, name) == *hash,
        }
    }
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    hosts: Hosts,
    key: PublicKey,
    place: Place,
}

/// All that the files say.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    entries: Vec<Entry>,
    /// Lines that could not be read, for the operator to see.
    pub(super) malformed: Vec<String>,
}

impl KnownHosts {
    /// Reads all files; one that does not exist is empty, one that cannot be read is a problem.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut known = Self::default();
        for file in files {
            match std::fs::read(file) {
                Ok(content) => known.add(file, &String::from_utf8_lossy(&content)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error)
                        .problem_with(Class::Config, || format!("{} cannot be read", file.display()));
                }
            }
        }
        Ok(known)
    }

    fn add(&mut self, file: &Path, text: &str) {
        let file: Arc<Path> = file.into();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { file: file.clone(), line: index + 1 };
            if let Some(entry) = entry(line, place.clone()) {
                self.entries.push(entry);
            } else {
                tracing::warn!(%place, "this line of known_hosts is malformed and left out");
                self.malformed.push(format!("{place} is malformed and left out"));
            }
        }
    }

    /// Returns what the files say about `key` as the key of `name`.
    pub(super) fn judge(&self, name: &HostName, key: &KeyData) -> Verdict {
        if let Some(revoked) = self.revoked(name, key) {
            return Verdict::Revoked { place: revoked.place.clone() };
        }
        if self.under_both_names(name, Marker::None).iter().any(|entry| entry.key.key_data() == key) {
            return Verdict::Known;
        }
        let entries = self.under(&name.name, Marker::None);
        // A known key of another type counts too: otherwise an impostor would only have to offer another type.
        let same_type = entries.iter().find(|entry| entry.key.key_data().algorithm() == key.algorithm());
        match same_type.or(entries.first()) {
            Some(entry) => {
                Verdict::Changed { fingerprint: describe(entry.key.key_data()), place: entry.place.clone() }
            }
            None => Verdict::Unknown,
        }
    }

    /// Returns the keys that may certify hosts of this name, without the revoked ones.
    pub(super) fn authorities<'a>(&'a self, name: &HostName) -> Vec<&'a KeyData> {
        self.under(&name.name, Marker::CertAuthority)
            .into_iter()
            .map(|entry| entry.key.key_data())
            .filter(|key| self.revoked(name, key).is_none())
            .collect()
    }

    /// Returns the types of the keys that `name` is known by, so that the server is asked for those first.
    pub(super) fn algorithms(&self, name: &HostName) -> Vec<Algorithm> {
        self.under_both_names(name, Marker::None).iter().map(|entry| entry.key.algorithm()).collect()
    }

    fn revoked<'a>(&'a self, name: &HostName, key: &KeyData) -> Option<&'a Entry> {
        self.under_both_names(name, Marker::Revoked).into_iter().find(|entry| entry.key.key_data() == key)
    }

    fn under_both_names<'a>(&'a self, name: &HostName, marker: Marker) -> Vec<&'a Entry> {
        let mut entries = self.under(&name.name, marker);
        entries.extend(name.bare.iter().flat_map(|bare| self.under(bare, marker)));
        entries
    }

    fn under<'a>(&'a self, name: &str, marker: Marker) -> Vec<&'a Entry> {
        self.entries.iter().filter(|entry| entry.marker == marker && entry.hosts.contain(name)).collect()
    }
}

/// Reads `[@marker] hosts type key [comment]`.
fn entry(line: &str, place: Place) -> Option<Entry> {
    let mut fields = line.split_ascii_whitespace().peekable();
    let marker = match fields.peek()?.strip_prefix('@') {
        None => Marker::None,
        Some("revoked") => Marker::Revoked,
        Some("cert-authority") => Marker::CertAuthority,
        Some(_) => return None,
    };
    if marker != Marker::None {
        fields.next();
    }
    let hosts = hosts(fields.next()?)?;
    let (kind, key) = (fields.next()?, fields.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {key}")).ok()?;
    Some(Entry { marker, hosts, key, place })
}

/// Reads `a,b*,!c` or `|1|salt|hash`.
fn hosts(field: &str) -> Option<Hosts> {
    match field.strip_prefix("|1|") {
        Some(hashed) => {
            let (salt, hash) = hashed.split_once('|')?;
            Some(Hosts::Hashed { salt: BASE64.decode(salt).ok()?, hash: BASE64.decode(hash).ok()? })
        }
        None if field.starts_with('|') => None,
        None => Some(Hosts::Patterns(field.split(',').map(str::to_owned).collect())),
    }
}

/// Returns the HMAC-SHA1 of a name, as `HashKnownHosts` writes it.
fn hashed(salt: &[u8], name: &str) -> Vec<u8> {
    // HMAC takes a key of any length.
    let Ok(mut hmac) = Hmac::<Sha1>::new_from_slice(salt) else { return Vec::new() };
    hmac.update(name.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

/// Describes a key by its type and SHA-256 fingerprint, as `ssh-keygen -l` shows them.
pub(super) fn describe(key: &KeyData) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

/// How a name is written into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// As it is.
    Plain,
    /// Hashed, as `HashKnownHosts yes` asks.
    Hashed,
}

/// Adds a key to `file`, and makes the file if there is none.
///
/// The line is appended in one write under a lock, so that neither another sealift nor an `ssh` at the same moment
/// loses a line; a key that is there by then is not added again.
pub(super) fn remember(file: &Path, name: &HostName, key: &KeyData, naming: Naming) -> Result<()> {
    let cannot = || format!("the host key of {name} cannot be added to {}", file.display());
    append(file, name, key, naming).problem_with(Class::Config, cannot)
}

fn append(file: &Path, name: &HostName, key: &KeyData, naming: Naming) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut opened: File = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    opened.lock()?;
    let mut content = Vec::new();
    opened.seek(SeekFrom::Start(0))?;
    opened.read_to_end(&mut content)?;
    let mut known = KnownHosts::default();
    known.add(file, &String::from_utf8_lossy(&content));
    if known.under(&name.name, Marker::None).iter().any(|entry| entry.key.key_data() == key) {
        return Ok(());
    }
    let unfinished = content.last().is_some_and(|&last| last != b'\n');
    let line = format!(
        "{}{} {}\n",
        if unfinished { "\n" } else { "" },
        written(name, naming),
        PublicKey::from(key.clone()).to_openssh().map_err(std::io::Error::other)?
    );
    opened.write_all(line.as_bytes())
}

fn written(name: &HostName, naming: Naming) -> String {
    match naming {
        Naming::Plain => name.name.clone(),
        Naming::Hashed => {
            let salt: [u8; 20] = rand::random();
            format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(hashed(&salt, &name.name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const CURVE: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    fn key(text: &str) -> KeyData {
        PublicKey::from_openssh(text).unwrap().key_data().clone()
    }

    fn known(text: &str) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.add(Path::new("known_hosts"), text);
        known
    }

    fn place(line: usize) -> Place {
        Place { file: Path::new("known_hosts").into(), line }
    }

    fn verdict(text: &str, host: &str, port: u16, offered: &str) -> Verdict {
        known(text).judge(&HostName::new(host, port), &key(offered))
    }

    #[test]
    fn names_are_found_in_every_form() {
        let hashed_name = written(&HostName::new("node-1", 22), Naming::Hashed);
        for (hosts, host, port, want) in [
            ("node-1", "node-1", 22, true),
            ("NODE-1", "node-1", 22, true),
            ("node-2,node-1", "node-1", 22, true),
            ("node-?", "node-1", 22, true),
            ("*,!node-1", "node-1", 22, false),
            ("[node-1]:2222", "node-1", 2222, true),
            ("[node-1]:2222", "node-1", 22, false),
            ("node-1", "node-1", 2222, true),
            ("[fd00::1]:2222", "fd00::1", 2222, true),
            (hashed_name.as_str(), "node-1", 22, true),
            (hashed_name.as_str(), "node-2", 22, false),
        ] {
            for separator in [" ", "\t", "  \t"] {
                let line = format!("{hosts}{separator}{}", ONE.replace(' ', separator));
                let verdict = verdict(&line, host, port, ONE);
                assert_eq!(
                    verdict,
                    if want { Verdict::Known } else { Verdict::Unknown },
                    "{line} {host}:{port}"
                );
            }
        }
    }

    #[test]
    fn openssh_hashes_are_read() {
        // Written by `ssh-keygen -H` of OpenSSH 9.2 for the name `example`.
        let line = format!("|1|Sy2v8gO0eZ3fqScN7CNwuWeM05s=|xOiJqt8ZrVzy2Zb6fYpoRHGQ44o= {ONE}");
        assert_eq!(verdict(&line, "example", 22, ONE), Verdict::Known);
    }

    #[test]
    fn several_keys_are_all_good() {
        let text = format!("a {ONE}\na {OTHER}\na {CURVE}");
        for offered in [ONE, OTHER, CURVE] {
            assert_eq!(verdict(&text, "a", 22, offered), Verdict::Known);
        }
    }

    #[test]
    fn another_key_is_a_changed_one_also_when_its_type_is_another() {
        for (entry, offered) in [(OTHER, ONE), (CURVE, ONE)] {
            let text = format!("# comment\n\na {entry}");
            let fingerprint = describe(&key(entry));
            assert_eq!(
                verdict(&text, "a", 22, offered),
                Verdict::Changed { fingerprint, place: place(3) },
                "{entry}"
            );
        }
    }

    #[test]
    fn a_changed_key_of_the_bare_host_says_nothing_about_another_port() {
        assert_eq!(verdict(&format!("a {OTHER}"), "a", 2222, ONE), Verdict::Unknown);
    }

    #[test]
    fn a_revoked_key_is_refused_even_when_it_is_known() {
        let text = format!("a {ONE}\n@revoked * {ONE}");
        assert_eq!(verdict(&text, "a", 22, ONE), Verdict::Revoked { place: place(2) });
        assert_eq!(verdict(&text, "a", 2222, ONE), Verdict::Revoked { place: place(2) });
    }

    #[test]
    fn an_authority_is_no_host_key() {
        let text = format!("@cert-authority *.example {ONE}");
        assert_eq!(verdict(&text, "a.example", 22, ONE), Verdict::Unknown);
        assert_eq!(known(&text).authorities(&HostName::new("a.example", 22)), [&key(ONE)]);
        assert!(known(&text).authorities(&HostName::new("a.other", 22)).is_empty());
        let revoked = format!("{text}\n@revoked * {ONE}");
        assert!(known(&revoked).authorities(&HostName::new("a.example", 22)).is_empty());
    }

    #[test]
    fn a_malformed_line_spoils_only_itself() {
        for bad in [
            "a",
            "a ssh-ed25519",
            "a ssh-ed25519 AAAA",
            "@strange a ssh-ed25519 AAAA",
            "|2|x|y z z",
            "@revoked",
        ] {
            let known = known(&format!("{bad}\na {ONE}"));
            assert_eq!(known.judge(&HostName::new("a", 22), &key(ONE)), Verdict::Known, "{bad}");
            assert_eq!(known.malformed, ["known_hosts:1 is malformed and left out"], "{bad}");
        }
    }

    #[test]
    fn remembering_loses_nothing_and_repeats_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new").join("known_hosts");
        let name = HostName::new("a", 2222);
        remember(&file, &name, &key(ONE), Naming::Plain).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("[a]:2222 {ONE}\n"));
        // Another program left its last line unfinished.
        std::fs::write(&file, format!("b {OTHER}")).unwrap();
        for _ in 0..2 {
            remember(&file, &name, &key(ONE), Naming::Hashed).unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&format!("b {OTHER}\n|1|")) && text.lines().count() == 2, "{text}");
        let known = KnownHosts::read(&[file]).unwrap();
        assert_eq!(known.judge(&name, &key(ONE)), Verdict::Known);
    }

    #[test]
    fn many_writers_at_once_lose_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        std::thread::scope(|scope| {
            for port in 1..=40 {
                let file = &file;
                scope.spawn(move || {
                    remember(file, &HostName::new("a", 100 + port), &key(ONE), Naming::Plain).unwrap();
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 40);
    }

    #[test]
    fn an_unreadable_file_is_not_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        assert!(KnownHosts::read(&[directory.path().to_owned()]).is_err());
        assert!(KnownHosts::read(&[directory.path().join("missing")]).is_ok());
    }
}
