//! Where the files of a layout or archive are: in a directory, or in a tar file that is read in place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use crate::error::{Class, Context, Problem, Result};

/// The largest JSON document of an archive that is read into memory, in bytes.
const LARGEST_DOCUMENT: u64 = 4 * 1024 * 1024;

/// Read access to files by their relative paths.
#[derive(Debug)]
pub(crate) enum Files {
    /// A directory.
    Directory(PathBuf),
    /// An uncompressed tar file.
    Tarball(Tarball),
}

/// A tar file and where in it each file begins.
#[derive(Debug)]
pub(crate) struct Tarball {
    path: PathBuf,
    members: BTreeMap<PathBuf, Member>,
}

#[derive(Debug, Clone)]
enum Member {
    Content {
        offset: u64,
        size: u64,
    },
    /// The path of another member; docker writes layers that it has already as links.
    Link(PathBuf),
}

impl Files {
    /// Opens a directory, or a tar file, whose headers are read now.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        let members = members(path).map_err(|error| {
            Problem::new(Class::Config, format!("cannot read the archive {}", path.display()))
                .saw(error)
                .remedy(
                    "an archive is an uncompressed tar file; decompress it first if it ends in .gz or .zst",
                )
        })?;
        Ok(Self::Tarball(Tarball { path: path.to_owned(), members }))
    }

    /// Opens one file; `None` when it is not there.
    pub(crate) fn file(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let open = || -> io::Result<Option<Box<dyn Read + Send>>> {
            match self {
                Self::Directory(root) => match File::open(root.join(clean(Path::new(path)))) {
                    Ok(file) => Ok(Some(Box::new(file))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                },
                Self::Tarball(tarball) => tarball.member(path),
            }
        };
        open().problem_with(Class::Config, || format!("cannot read {path} in {}", self.name()))
    }

    /// Reads a JSON document; `None` when it is not there.
    pub(crate) fn document<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let Some(bytes) = self.bytes(path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).problem_with(Class::Config, || {
            format!("{path} in {} is not the document it should be", self.name())
        })
    }

    /// Reads a small file whole; `None` when it is not there.
    pub(crate) fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.file(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(LARGEST_DOCUMENT)
            .read_to_end(&mut bytes)
            .problem_with(Class::Config, || format!("cannot read {path} in {}", self.name()))?;
        Ok(Some(bytes))
    }

    /// Returns the path the operator gave.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Directory(path) | Self::Tarball(Tarball { path, .. }) => path.display().to_string(),
        }
    }
}

impl Tarball {
    fn member(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        let mut path = clean(Path::new(path));
        // A chain of links as long as the archive has members is a circle.
        for _ in 0..=self.members.len() {
            match self.members.get(&path) {
                None => return Ok(None),
                Some(Member::Link(target)) => path.clone_from(target),
                Some(Member::Content { offset, size }) => {
                    let mut file = File::open(&self.path)?;
                    file.seek(SeekFrom::Start(*offset))?;
                    return Ok(Some(Box::new(file.take(*size))));
                }
            }
        }
        Err(io::Error::other("its links lead in a circle"))
    }
}

/// Reads the headers of a tar file.
fn members(path: &Path) -> io::Result<BTreeMap<PathBuf, Member>> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(path)?));
    let mut members = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = clean(&entry.path()?);
        let kind = entry.header().entry_type();
        let link = entry.link_name()?.map(std::borrow::Cow::into_owned);
        let member = match link {
            Some(target) if kind.is_symlink() => {
                Member::Link(clean(&name.parent().unwrap_or(Path::new("")).join(target)))
            }
            Some(target) if kind.is_hard_link() => Member::Link(clean(&target)),
            _ if kind.is_dir() => continue,
            _ => Member::Content { offset: entry.raw_file_position(), size: entry.size() },
        };
        members.insert(name, member);
    }
    Ok(members)
}

/// Makes a path relative and takes `.` and `..` out of it.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    clean
}
