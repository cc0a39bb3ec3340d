//! Applies one layer's tar stream to a directory of its own.
//!
//! Nothing outside that directory is touched whatever the stream says: every path is cleaned first and
//! then resolved by the kernel below the directory's descriptor, through no symbolic link. Where entries
//! repeat, the last one wins. Whiteouts stay as marker files (see `whiteout`); `assemble` obeys them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use crate::distribute::beneath;
use crate::distribute::metadata::{Metadata, travels};
use crate::distribute::whiteout::{Meaning, meaning};
use crate::error::{Class, Context as _, Problem, Result};

/// The most directories a path may have, so that everything that walks a tree can hold one open descriptor a
/// level (systemd gives services 1024).
const DEEPEST: usize = 256;

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// What a layer turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// How many entries the stream had.
    pub entries: u64,
    /// The bytes of all its regular files.
    pub bytes: u64,
    /// Directories the stream needed and never described (the empty path is the root): they must not change
    /// the owner, mode or time of a lower layer's directory. Sorted.
    pub implied: Vec<PathBuf>,
}

/// Applies the tar stream to `into`, an empty directory.
///
/// Reads until the archive's end, which may be before the stream's. Owners, device nodes and privileged
/// attributes need root; without it owners stay the caller's, and a device node is a problem. What is wrong
/// with the layer has class `Config`, what is wrong with the disk class `Machine`; the directory then holds
/// a part of the tree.
pub fn unpack_layer(tar: impl Read, into: &Path) -> Result<Unpacked> {
    let root = beneath::open_root(into)
        .problem_with(Class::Machine, || format!("cannot open {}", into.display()))?;
    let unpacker = Unpacker {
        root,
        directories: BTreeMap::from([(PathBuf::new(), Metadata::of_implied_directory())]),
        implied: BTreeSet::from([PathBuf::new()]),
        entries: 0,
        bytes: 0,
        buffer: vec![0; CHUNK],
    };
    unpacker.take_all(tar)
}

struct Unpacker {
    root: OwnedFd,
    /// What directories get in the end: before that, their mode could keep us out and their time would change.
    directories: BTreeMap<PathBuf, Metadata>,
    implied: BTreeSet<PathBuf>,
    entries: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Unpacker {
    fn take_all(mut self, tar: impl Read) -> Result<Unpacked> {
        let mut archive = Archive::new(tar);
        for entry in archive.entries().map_err(|error| cannot_unpack("the archive", &error))? {
            let mut entry = entry.map_err(|error| cannot_unpack("the archive", &error))?;
            let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            self.take(&mut entry).map_err(|error| cannot_unpack(&shown, &error))?;
        }
        self.finish_directories()?;
        Ok(Unpacked { entries: self.entries, bytes: self.bytes, implied: self.implied.into_iter().collect() })
    }

    fn take<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        self.entries += 1;
        let raw = entry.path_bytes().into_owned();
        let path = clean(&raw)?;
        let metadata = metadata_of(entry)?;
        // Archives older than POSIX mark a directory by its name alone.
        if kind == EntryType::Directory || (kind == EntryType::Regular && raw.ends_with(b"/")) {
            return self.take_directory(&path, metadata);
        }
        let name = path.file_name().ok_or_else(|| refused("only a directory can be the root"))?;
        match meaning(name) {
            Meaning::Plain => self.take_plain(entry, &path, name, &metadata),
            Meaning::Gone(_) | Meaning::Opaque => self.take_marker(&path, name),
            Meaning::Bookkeeping => Ok(()),
            Meaning::Wrong => Err(refused("it is a whiteout of nothing that can be named")),
        }
    }

    fn take_directory(&mut self, path: &Path, metadata: Metadata) -> io::Result<()> {
        if let Some(name) = path.file_name() {
            if meaning(name) != Meaning::Plain {
                return Err(refused("a whiteout cannot be a directory"));
            }
            let parent = self.parent_of(path)?;
            match beneath::look(parent.as_fd(), name)? {
                Some(status) if beneath::kind_of(&status) == FileType::Directory => {}
                there => {
                    if there.is_some() {
                        rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
                    }
                    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
                }
            }
        }
        self.implied.remove(path);
        self.directories.insert(path.to_owned(), metadata);
        Ok(())
    }

    fn take_plain<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        path: &Path,
        name: &OsStr,
        metadata: &Metadata,
    ) -> io::Result<()> {
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.take_file(entry, path, name, metadata)
            }
            EntryType::Symlink => {
                let target = link_of(entry)?;
                let parent = self.make_way(path, name)?;
                rustix::fs::symlinkat(OsStr::from_bytes(&target), &parent, name)?;
                Ok(metadata.give_to_name(parent.as_fd(), name, FileType::Symlink)?)
            }
            EntryType::Link => self.take_hard_link(&clean(&link_of(entry)?)?, path, name),
            EntryType::Char => self.take_node(entry, path, name, metadata, FileType::CharacterDevice),
            EntryType::Block => self.take_node(entry, path, name, metadata, FileType::BlockDevice),
            EntryType::Fifo => self.take_node(entry, path, name, metadata, FileType::Fifo),
            other => Err(refused(format!("entries of kind {other:?} are not known"))),
        }
    }

    fn take_file<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        path: &Path,
        name: &OsStr,
        metadata: &Metadata,
    ) -> io::Result<()> {
        let parent = self.make_way(path, name)?;
        let mut file = create(&parent, name)?;
        let mut written = 0;
        loop {
            let count = match entry.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            file.write_all(&self.buffer[..count])?;
            written += count as u64;
        }
        if written < entry.size() && entry.header().entry_type() != EntryType::GNUSparse {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside it"));
        }
        self.bytes += written;
        Ok(metadata.give_to_file(file.as_fd())?)
    }

    /// A marker says all by its name; whatever kind the entry had (AUFS made hard links), an empty file stays.
    fn take_marker(&mut self, path: &Path, name: &OsStr) -> io::Result<()> {
        let parent = self.make_way(path, name)?;
        create(&parent, name).map(drop)
    }

    fn take_hard_link(&mut self, target: &Path, path: &Path, name: &OsStr) -> io::Result<()> {
        let target_name = target.file_name().ok_or_else(|| refused("it is a hard link to the root"))?;
        if target == path {
            return Err(refused("it is a hard link to itself"));
        }
        if meaning(target_name) != Meaning::Plain {
            return Err(refused("it is a hard link to a whiteout"));
        }
        let target_parent =
            beneath::open_below(self.root.as_fd(), parent_path(target), beneath::Mounts::Crossed)
                .map_err(|errno| no_way(errno, "its target"))?;
        match beneath::look(target_parent.as_fd(), target_name)? {
            None => return Err(refused("it is a hard link to a file that is not in this layer before it")),
            Some(status) if beneath::kind_of(&status) == FileType::Directory => {
                return Err(refused("it is a hard link to a directory"));
            }
            Some(_) => {}
        }
        let parent = self.make_way(path, name)?;
        Ok(rustix::fs::linkat(&target_parent, target_name, &parent, name, AtFlags::empty())?)
    }

    fn take_node<R: Read>(
        &mut self,
        entry: &Entry<'_, R>,
        path: &Path,
        name: &OsStr,
        metadata: &Metadata,
        kind: FileType,
    ) -> io::Result<()> {
        let device = match kind {
            FileType::Fifo => 0,
            _ => rustix::fs::makedev(
                entry.header().device_major()?.unwrap_or(0),
                entry.header().device_minor()?.unwrap_or(0),
            ),
        };
        let parent = self.make_way(path, name)?;
        rustix::fs::mknodat(&parent, name, kind, Mode::from_raw_mode(0o600), device)?;
        Ok(metadata.give_to_name(parent.as_fd(), name, kind)?)
    }

    /// Opens the parent of `path` and removes what an earlier entry put at its name.
    fn make_way(&mut self, path: &Path, name: &OsStr) -> io::Result<OwnedFd> {
        let parent = self.parent_of(path)?;
        if let Some(status) = beneath::look(parent.as_fd(), name)? {
            beneath::remove_below(parent.as_fd(), name)?;
            if beneath::kind_of(&status) == FileType::Directory {
                self.directories.retain(|directory, _| !directory.starts_with(path));
                self.implied.retain(|directory| !directory.starts_with(path));
            }
        }
        Ok(parent)
    }

    fn parent_of(&mut self, path: &Path) -> io::Result<OwnedFd> {
        let (directories, implied) = (&mut self.directories, &mut self.implied);
        beneath::make_below(self.root.as_fd(), parent_path(path), |made| {
            directories.insert(made.clone(), Metadata::of_implied_directory());
            implied.insert(made);
        })
        .map_err(|errno| no_way(errno, "its path"))
    }

    /// Gives directories their metadata, the deepest first.
    fn finish_directories(&self) -> Result<()> {
        for (path, metadata) in self.directories.iter().rev() {
            beneath::open_below(self.root.as_fd(), path, beneath::Mounts::Crossed)
                .and_then(|directory| metadata.give_to_file(directory.as_fd()))
                .map_err(|errno| cannot_unpack(&path.to_string_lossy(), &errno.into()))?;
        }
        Ok(())
    }
}

/// Makes the regular file `name`, which must not exist.
fn create(parent: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))?))
}

/// Turns an entry's path into one relative to the root, with nothing in it but names.
fn clean(raw: &[u8]) -> io::Result<PathBuf> {
    if raw.contains(&0) {
        return Err(refused("its path has a NUL byte"));
    }
    let mut path = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(raw)).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err(refused("its path leads upwards")),
            Component::RootDir | Component::Prefix(_) => return Err(refused("its path is absolute")),
        }
    }
    if path.components().count() > DEEPEST {
        return Err(refused(format!("its path is deeper than {DEEPEST} directories")));
    }
    if parent_path(&path).iter().any(|name| meaning(name) != Meaning::Plain) {
        return Err(refused("it lies below a whiteout"));
    }
    Ok(path)
}

fn parent_path(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn link_of<R: Read>(entry: &Entry<'_, R>) -> io::Result<Vec<u8>> {
    match entry.link_name_bytes() {
        Some(target) if !target.is_empty() => Ok(target.into_owned()),
        _ => Err(refused("it is a link to nowhere")),
    }
}

/// Collects an entry's metadata from its header and the PAX records before it.
fn metadata_of<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Metadata> {
    let header = entry.header();
    let mut metadata = Metadata {
        uid: number(header.uid()?, "owner")?,
        gid: number(header.gid()?, "group")?,
        mode: header.mode()? & 0o7777,
        modified: (i64::try_from(header.mtime()?).unwrap_or(0), 0),
        attributes: vec![],
    };
    let Some(records) = entry.pax_extensions()? else { return Ok(metadata) };
    for record in records {
        let record = record?;
        let key = record.key_bytes();
        if key == b"mtime" {
            metadata.modified =
                record.value().ok().and_then(pax_time).ok_or_else(|| refused("its time is not a number"))?;
        } else if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            let name = CString::new(name).map_err(|_| refused("an attribute's name has a NUL byte"))?;
            if travels(name.as_bytes()) {
                metadata.attributes.push((name, record.value_bytes().to_vec()));
            }
        } else if key.starts_with(b"GNU.sparse.") {
            return Err(refused("sparse files in PAX form are not known"));
        }
    }
    Ok(metadata)
}

fn number(value: u64, what: &str) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| refused(format!("its {what} {value} is too large a number")))
}

/// Reads a PAX time: decimal seconds since 1970, perhaps negative, perhaps with a fraction.
fn pax_time(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    match (whole.starts_with('-'), nanoseconds) {
        (true, 1..) => Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds)),
        _ => Some((seconds, nanoseconds)),
    }
}

/// An error about what the layer says, as opposed to what the disk does.
fn refused(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

fn no_way(errno: Errno, what: &str) -> io::Error {
    match errno {
        Errno::LOOP | Errno::NOTDIR => {
            refused(format!("{what} leads through a symbolic link or through what is no directory"))
        }
        Errno::NOENT => refused(format!("{what} is not in this layer before it")),
        other => other.into(),
    }
}

fn cannot_unpack(path: &str, error: &io::Error) -> Problem {
    use io::ErrorKind::{InvalidData, InvalidFilename, Other, UnexpectedEof};
    // The tar reader reports what it cannot make sense of as `Other`.
    let class = match error.kind() {
        InvalidData | InvalidFilename | Other | UnexpectedEof => Class::Config,
        _ => Class::Machine,
    };
    let problem = Problem::new(class, "cannot unpack a layer").saw(format!("{}: {error}", shorten(path)));
    match class {
        Class::Config => problem.remedy("build the image again, or take it from where it was built"),
        _ => problem.remedy("make sure that the disk works and has room, then run the same command again"),
    }
}

/// Keeps a hostile name from filling the screen.
fn shorten(path: &str) -> String {
    const LONGEST: usize = 200;
    if path.chars().count() <= LONGEST {
        return format!("`{}`", path.escape_debug());
    }
    let start: String = path.chars().take(LONGEST).collect();
    format!("`{}...`", start.escape_debug())
}
