//! Blobs: written whole or not at all under the name of their content, and checked whenever they are read.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Store;
use crate::error::{Class, Context, Problem, Result};
use crate::image::layer::DigestReader;
use crate::model::{Digest, DigestWriter};

/// Bytes gathered before they are hashed and written.
const BUFFER: usize = 256 * 1024;

/// The largest JSON document that is read into memory, in bytes; the distribution project's own limit.
const LARGEST_DOCUMENT: u64 = 4 * 1024 * 1024;

impl Store {
    /// Returns the path of a blob, whether or not it is there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Tells whether the store has the blob.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
    }

    /// Returns a blob's size in bytes.
    pub(crate) fn blob_size(&self, digest: &Digest) -> Result<u64> {
        let metadata = self.open_blob(digest)?.metadata();
        metadata.map(|metadata| metadata.len()).problem(Class::Machine, "cannot read the image store")
    }

    /// Opens a blob for reading; its content is not checked.
    pub fn open_blob(&self, digest: &Digest) -> Result<File> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|error| {
            Problem::new(Class::Config, format!("the image store has no blob {digest}"))
                .saw(format!("{}: {error}", path.display()))
                .remedy("build, load or pull the image again")
        })
    }

    /// Opens a blob for reading; its last byte is followed by an error when its content is not what its name says.
    pub fn read_blob(&self, digest: &Digest) -> Result<CheckedBlob<File>> {
        Ok(CheckedBlob::new(self.open_blob(digest)?, digest.clone()))
    }

    /// Reads a JSON document and checks its digest.
    pub(crate) fn document<T: serde::de::DeserializeOwned>(&self, digest: &Digest) -> Result<T> {
        let bytes = self.document_bytes(digest)?;
        serde_json::from_slice(&bytes)
            .problem_with(Class::Config, || format!("the blob {digest} is not the document it should be"))
    }

    /// Reads a document's bytes and checks their digest.
    pub(crate) fn document_bytes(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_blob(digest)?
            .take(LARGEST_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .problem_with(Class::Config, || format!("cannot read the blob {digest}"))?;
        if bytes.len() as u64 > LARGEST_DOCUMENT {
            return Err(Problem::new(
                Class::Config,
                format!("the blob {digest} is too large for a document"),
            ));
        }
        Ok(bytes)
    }

    /// Begins a blob whose digest is known when it is complete.
    ///
    /// The caller holds the store ([`Store::hold`]) from before this until an image names the blob.
    pub fn ingest(&self) -> Result<BlobWriter> {
        let directory = self.root.join("ingest");
        let file = NamedTempFile::new_in(&directory)
            .problem_with(Class::Machine, || format!("cannot write in {}", directory.display()))?;
        Ok(BlobWriter {
            store: self.clone(),
            writer: BufWriter::with_capacity(BUFFER, DigestWriter::new(file)),
        })
    }

    /// Stores a stream and checks its digest, when one is expected.
    pub(crate) fn ingest_from(
        &self,
        mut source: impl Read,
        expected: Option<&Digest>,
    ) -> Result<(Digest, u64)> {
        let mut writer = self.ingest()?;
        io::copy(&mut source, &mut writer)
            .problem(Class::Machine, "cannot copy a blob into the image store")?;
        match expected {
            Some(digest) => writer.finish_as(digest).map(|size| (digest.clone(), size)),
            None => writer.finish(),
        }
    }

    /// Stores a JSON document.
    pub(crate) fn ingest_document(&self, document: &impl serde::Serialize) -> Result<(Digest, u64)> {
        let bytes =
            serde_json::to_vec(document).problem(Class::Internal, "cannot write a document as JSON")?;
        self.ingest_from(bytes.as_slice(), None)
    }
}

/// A blob on its way into the store; dropped unfinished, it leaves nothing behind.
pub struct BlobWriter {
    store: Store,
    writer: BufWriter<DigestWriter<NamedTempFile>>,
}

impl BlobWriter {
    /// Puts the blob in its place and returns its digest and size in bytes.
    pub fn finish(self) -> Result<(Digest, u64)> {
        self.place(None)
    }

    /// Puts the blob in its place if its content has the digest, and returns its size in bytes.
    pub fn finish_as(self, expected: &Digest) -> Result<u64> {
        self.place(Some(expected)).map(|(_, size)| size)
    }

    fn place(self, expected: Option<&Digest>) -> Result<(Digest, u64)> {
        let failed = "cannot put a blob into the image store";
        let writer = self.writer.into_inner().problem(Class::Machine, failed)?;
        let (file, digest, size) = writer.finish();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(corrupt(expected, &digest));
        }
        let path = self.store.blob_path(&digest);
        // An older file of that name is replaced: this is how a blob that rotted on the disk is mended.
        place_durably(file, &path).problem(Class::Machine, failed)?;
        Ok((digest, size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.writer.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Gives a finished file its name, so that after a power cut there is the old file or the new one.
pub(super) fn place_durably(file: NamedTempFile, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Says that content is not what its name says.
pub(crate) fn corrupt(expected: &Digest, found: &Digest) -> Problem {
    Problem::new(Class::Config, format!("the blob {expected} is corrupt"))
        .saw(format!("its content has the digest {found}"))
        .remedy("fetch the image again: build, load or pull it; check the disk if this is seen twice")
}

/// A stream that ends with an error when its content does not have the digest it should have.
pub struct CheckedBlob<R> {
    reader: Option<DigestReader<R>>,
    expected: Digest,
}

impl<R: Read> CheckedBlob<R> {
    /// Checks what comes from `inner`.
    pub(crate) fn new(inner: R, expected: Digest) -> Self {
        Self { reader: Some(DigestReader::new(inner)), expected }
    }
}

impl<R: Read> Read for CheckedBlob<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else { return Ok(0) };
        let count = reader.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        match self.reader.take().map(|reader| reader.finish().0) {
            Some(found) if found != self.expected => {
                Err(io::Error::new(io::ErrorKind::InvalidData, corrupt(&self.expected, &found)))
            }
            _ => Ok(0),
        }
    }
}
