//! Entries written as a layer, so that the same entries always give the same bytes.
//!
//! Entries are sorted, belong to root and have one fixed time. The compressor always works in the way it does with
//! threads, even with one: its result then does not depend on their number, nor on the machine.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::Path;

use super::entry::{Entries, Entry, EntryKind};
use crate::error::{Class, Context, Result};
use crate::image::document::{Descriptor, LAYER_ZSTD};
use crate::image::layer::LayerFacts;
use crate::image::store::{CheckedBlob, Store};
use crate::model::{Digest, DigestWriter};

/// zstd's own default: as fast as a disk, and about a third of the size.
const LEVEL: i32 = 3;

/// The most threads that compress; each takes about 25 MB of memory.
const MOST_THREADS: usize = 4;

/// Bytes gathered before they are hashed and compressed.
const BUFFER: usize = 256 * 1024;

/// A layer that was written into the store.
#[derive(Debug, Clone)]
pub(crate) struct NewLayer {
    /// Points at the blob, annotated with the facts.
    pub(crate) descriptor: Descriptor,
    /// The digest of the uncompressed tar.
    pub(crate) diff_id: Digest,
}

/// Writes the entries as a layer into the store; `epoch` is the time of every entry, in seconds since 1970.
pub(crate) fn layer(store: &Store, entries: &Entries, epoch: u64) -> Result<NewLayer> {
    let mut facts = LayerFacts::nothing();
    let (descriptor, diff_id) = compressed(store, LAYER_ZSTD, |out| {
        let mut tar = tar::Builder::new(BufWriter::with_capacity(BUFFER, out));
        for (path, entry) in entries {
            facts.count(path, append(&mut tar, path, entry, epoch)?);
        }
        tar.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(())
    })?;
    let mut descriptor = descriptor;
    facts.annotate(&mut descriptor);
    Ok(NewLayer { descriptor, diff_id })
}

/// Stores what `write` writes, compressed; returns the blob's descriptor and the digest before compression.
pub(crate) fn compressed(
    store: &Store,
    media_type: &str,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(Descriptor, Digest)> {
    let failed = "cannot write a layer";
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
    let mut content = DigestWriter::new(encoder(store.ingest()?, threads).problem(Class::Machine, failed)?);
    write(&mut content).problem(Class::Machine, failed)?;
    let (encoder, diff_id, _) = content.finish();
    let (digest, size) = encoder.finish().problem(Class::Machine, failed)?.finish()?;
    Ok((Descriptor::new(media_type, digest, size), diff_id))
}

/// Makes the compressor; the number of threads, at least one, does not show in what it writes.
fn encoder<W: io::Write>(out: W, threads: usize) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(out, LEVEL)?;
    encoder.multithread(u32::try_from(threads.max(1)).unwrap_or(1))?;
    Ok(encoder)
}

/// Appends one entry and returns the bytes of its content.
fn append(tar: &mut tar::Builder<impl io::Write>, path: &Path, entry: &Entry, epoch: u64) -> io::Result<u64> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch);
    header.set_size(0);
    match &entry.kind {
        EntryKind::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            // The empty part gives the path the slash at its end that directories have in a tar.
            tar.append_data(&mut header, path.join(""), io::empty())?;
            Ok(0)
        }
        EntryKind::Symlink(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, path, target)?;
            Ok(0)
        }
        EntryKind::Text(text) => {
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_slice())?;
            Ok(text.len() as u64)
        }
        EntryKind::File { source, size, digest } => {
            header.set_size(*size);
            let file = Exactly { reader: File::open(source)?, left: *size };
            let appended = match digest {
                Some(digest) => tar.append_data(&mut header, path, CheckedBlob::new(file, digest.clone())),
                None => tar.append_data(&mut header, path, file),
            };
            appended
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", source.display())))?;
            Ok(*size)
        }
    }
}

/// Reads as many bytes as were announced; a file that shrinks or grows meanwhile would spoil the archive.
struct Exactly<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| changed("grew"))?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(changed("shrank"));
        }
        Ok(count)
    }
}

fn changed(how: &str) -> io::Error {
    io::Error::other(format!("the file {how} while it was read"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_number_of_threads_does_not_show() {
        // Some megabytes that compress neither to nothing nor not at all, so that threads have work to share.
        let text: Vec<u8> =
            (0_u32..3_000_000).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 12).to_le_bytes()).collect();
        let compress = |threads| {
            let mut encoder = encoder(Vec::new(), threads).unwrap();
            encoder.write_all(&text).unwrap();
            Digest::of(encoder.finish().unwrap())
        };
        let one = compress(1);
        assert!([2, 4].into_iter().all(|threads| compress(threads) == one));
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_told() {
        for announced in [3, 5] {
            let mut file = Exactly { reader: &b"1234"[..], left: announced };
            assert!(io::copy(&mut file, &mut io::sink()).is_err(), "{announced}");
        }
        assert_eq!(io::copy(&mut Exactly { reader: &b"1234"[..], left: 4 }, &mut io::sink()).unwrap(), 4);
    }
}
