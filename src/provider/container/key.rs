//! The SSH key that opens a cluster's machines, kept on the operator's machine alone.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};

use super::names::ClusterName;
use crate::error::{Class, Context as _, Problem, Result};

/// The key's public half and where its private half is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// The private half: OpenSSH's format, mode 0600, no passphrase.
    pub(super) path: PathBuf,
    /// A line of `authorized_keys`.
    pub(super) public: String,
    /// `SHA256:` and base64, as `ssh-keygen -l` prints it.
    pub(super) fingerprint: String,
}

/// Where the key of a cluster is.
pub(super) fn path(home: &Path, cluster: &ClusterName) -> PathBuf {
    directory(home, cluster).join("id_ed25519")
}

fn directory(home: &Path, cluster: &ClusterName) -> PathBuf {
    home.join("clusters").join(cluster.as_str()).join("ssh")
}

/// Reads the cluster's key; `None` is one that was never made here.
pub(super) fn load(home: &Path, cluster: &ClusterName) -> Result<Option<Key>> {
    let path = path(home, cluster);
    if !path.try_exists().problem_with(Class::Config, || format!("cannot look for {}", path.display()))? {
        return Ok(None);
    }
    let private = PrivateKey::read_openssh_file(&path)
        .problem_with(Class::Config, || format!("{} is not an SSH key", path.display()))?;
    describe(path, private.public_key()).map(Some)
}

/// Makes a key, unless somebody made one meanwhile: then that one is returned.
pub(super) fn load_or_make(home: &Path, cluster: &ClusterName) -> Result<Key> {
    if let Some(key) = load(home, cluster)? {
        return Ok(key);
    }
    make(home, cluster)?;
    load(home, cluster)?.ok_or_else(|| {
        Problem::new(Class::Config, "the SSH key of the machines was removed as soon as it was made")
    })
}

fn make(home: &Path, cluster: &ClusterName) -> Result<()> {
    let mut key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)
        .problem(Class::Internal, "cannot make an SSH key")?;
    key.set_comment(cluster.network());
    let text = key.to_openssh(LineEnding::LF).problem(Class::Internal, "cannot write an SSH key")?;
    let path = path(home, cluster);
    write_private(&directory(home, cluster), &path, text.as_bytes())
        .problem_with(Class::Config, || format!("cannot write {}", path.display()))
}

/// Writes a file that only its owner reads, whole or not at all, and leaves one that exists.
fn write_private(directory: &Path, path: &Path, content: &[u8]) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn describe(path: PathBuf, public: &PublicKey) -> Result<Key> {
    Ok(Key {
        path,
        public: public.to_openssh().problem(Class::Internal, "cannot write a public SSH key")?,
        fingerprint: public.fingerprint(HashAlg::Sha256).to_string(),
    })
}

/// Removes the key and the directories that are empty without it.
pub(super) fn remove(home: &Path, cluster: &ClusterName) -> Result<()> {
    let path = path(home, cluster);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).problem_with(Class::Config, || format!("cannot remove {}", path.display()));
        }
        _ => {}
    }
    for directory in path.ancestors().skip(1).take(2) {
        // What else the operator keeps there stays.
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let cluster = ClusterName::new("blue").unwrap();
        assert_eq!(load(home.path(), &cluster).unwrap(), None);
        let key = load_or_make(home.path(), &cluster).unwrap();
        assert_eq!(key.path, home.path().join("clusters/blue/ssh/id_ed25519"));
        assert_eq!(fs::metadata(&key.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(
            key.public.starts_with("ssh-ed25519 AAAA") && key.fingerprint.starts_with("SHA256:"),
            "{key:?}"
        );
        make(home.path(), &cluster).unwrap();
        assert_eq!(load_or_make(home.path(), &cluster).unwrap(), key);
    }

    #[test]
    fn removing_leaves_what_is_not_ours() {
        let home = tempfile::tempdir().unwrap();
        let cluster = ClusterName::new("blue").unwrap();
        load_or_make(home.path(), &cluster).unwrap();
        fs::write(home.path().join("clusters/blue/Clusterfile"), "kept").unwrap();
        remove(home.path(), &cluster).unwrap();
        remove(home.path(), &cluster).unwrap();
        assert!(!home.path().join("clusters/blue/ssh").exists());
        assert!(home.path().join("clusters/blue/Clusterfile").exists());
    }

    #[test]
    fn a_file_that_is_no_key_is_told_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let cluster = ClusterName::new("blue").unwrap();
        fs::create_dir_all(directory(home.path(), &cluster)).unwrap();
        fs::write(path(home.path(), &cluster), "no key").unwrap();
        assert!(load(home.path(), &cluster).unwrap_err().message.contains("id_ed25519"));
    }
}
