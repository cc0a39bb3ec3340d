//! Receives one layer: checks both digests while it unpacks, and moves it into place only when all is well.

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::distribute::decompress::{Arrival, CHUNKS_WAITING, Chunks, Stream, decompress};
use crate::distribute::partial::{self, Partial};
use crate::distribute::store::LayerStore;
use crate::distribute::unpack::{Unpacked, unpack_layer};
use crate::error::{Class, Context as _, Problem, Result};
use crate::model::LayerOrder;
use crate::model::{Digest, DigestWriter};

/// Layers smaller than this many bytes are sent again rather than kept for another attempt.
const KEPT_FROM: u64 = 1024 * 1024;

/// How a layer came to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It was here already, or somebody else received it while we waited; the input was not read.
    AlreadyHere,
    /// It came now.
    Unpacked {
        /// How many entries it has.
        entries: u64,
        /// The bytes of all its regular files.
        bytes: u64,
    },
}

/// Receives `layer` into `store` from `input`, which holds its compressed stream from byte `from` on.
///
/// `from` is 0 or what [`LayerStore::partial`] answered. No more than the layer's size is read, so the input may
/// go on with something else. Blocks; decompression has a thread of its own. While another caller, also of
/// another process, receives the same layer, this one waits.
///
/// A stream that is cut off is a problem of class `Connection`, and the next attempt goes on where it ended.
/// One whose digests are wrong is of class `Machine`, and the next attempt starts anew. In both cases, as after
/// every other problem, nothing is in place.
pub fn receive_layer(
    input: impl Read + Send,
    from: u64,
    layer: &LayerOrder,
    store: &LayerStore,
) -> Result<Received> {
    let _only_one = store.lock(&layer.diff_id)?;
    let partial_path = store.partial_path(layer);
    if store.have(&layer.diff_id) {
        partial::discard(&partial_path)?;
        return Ok(Received::AlreadyHere);
    }
    let staging = store.staging(&layer.diff_id);
    // An attempt that was killed could not clean up.
    store.remove_incoming(&staging)?;
    let stream = stream_from(input, from, layer, &partial_path)?;
    let unpacked = match take(stream, layer, &staging) {
        Ok(unpacked) => unpacked,
        Err(failure) => {
            if !failure.can_go_on {
                partial::discard(&partial_path)?;
            }
            store.remove_incoming(&staging)?;
            return Err(failure.problem);
        }
    };
    store.commit(&layer.diff_id, &unpacked)?;
    partial::discard(&partial_path)?;
    Ok(Received::Unpacked { entries: unpacked.entries, bytes: unpacked.bytes })
}

/// A problem, and whether what has arrived is good for another attempt.
struct Failure {
    problem: Problem,
    can_go_on: bool,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, can_go_on: false }
    }
}

fn stream_from<R: Read>(input: R, from: u64, layer: &LayerOrder, partial_path: &Path) -> Result<Stream<R>> {
    if from == 0 && layer.size < KEPT_FROM {
        return Ok(Stream::new(None, input, None, layer.size));
    }
    let partial = Partial::resume(partial_path, from)?;
    let kept = partial.reader()?.take(from);
    Ok(Stream::new(Some(kept), input, Some(partial), layer.size))
}

/// Lets the stream flow: one thread reads, keeps, digests and decompresses; this one digests and unpacks.
fn take<R: Read + Send>(stream: Stream<R>, layer: &LayerOrder, staging: &Path) -> Result<Unpacked, Failure> {
    let tree = staging.join("tree");
    fs::create_dir_all(&tree).problem_with(Class::Machine, || format!("cannot make {}", tree.display()))?;
    let (sender, receiver) = sync_channel(CHUNKS_WAITING);
    let (arrival, unpacked) = thread::scope(|scope| {
        let reading = scope.spawn(move || decompress(stream, layer.compression, &sender));
        let unpacked = unpack_and_digest(Chunks::new(receiver), &tree);
        (reading.join(), unpacked)
    });
    let arrival =
        arrival.map_err(|_| Problem::new(Class::Internal, "the thread that reads a layer failed"))?;
    judge(arrival, unpacked, layer)
}

fn unpack_and_digest(chunks: Chunks, tree: &Path) -> Result<(Unpacked, Digest)> {
    let mut digesting = Digesting { inner: chunks, digest: DigestWriter::new(io::sink()) };
    let unpacked = unpack_layer(&mut digesting, tree);
    // An archive ends before its stream does: padding belongs to the diffID too. And of an archive that makes
    // no sense the digest must be known, to tell a corrupt one from one that was built so.
    if !matches!(&unpacked, Err(problem) if problem.class == Class::Machine) {
        io::copy(&mut digesting, &mut io::sink())
            .problem(Class::Internal, "the end of a layer cannot be read")?;
    }
    Ok((unpacked?, digesting.digest.finish().1))
}

/// Decides what the two ends say together. What is wrong with the stream explains what the unpacker made
/// of it, so the stream is looked at first.
fn judge(
    arrival: Arrival,
    unpacked: Result<(Unpacked, Digest)>,
    layer: &LayerOrder,
) -> Result<Unpacked, Failure> {
    match arrival {
        Arrival::Cut { at, why } => Err(Failure { problem: cut_off(layer, at, &why), can_go_on: true }),
        Arrival::Undecodable(why) => Err(corrupt(layer).saw(why).into()),
        Arrival::Unreadable(why) => {
            Err(Problem::new(Class::Machine, "cannot read what has arrived of a layer").saw(why).into())
        }
        Arrival::Whole(seen) if seen != layer.digest => {
            Err(corrupt(layer).saw(format!("expected {}, got {seen}", layer.digest)).into())
        }
        Arrival::Whole(_) | Arrival::Unwanted => {
            let (unpacked, seen) =
                unpacked.map_err(|problem| problem.saw(format!("layer {}", layer.diff_id)))?;
            if seen == layer.diff_id {
                return Ok(unpacked);
            }
            Err(corrupt(layer).saw(format!("expected diffID {}, got {seen}", layer.diff_id)).into())
        }
    }
}

fn cut_off(layer: &LayerOrder, at: u64, why: &str) -> Problem {
    Problem::new(Class::Connection, "a layer was cut off on its way")
        .saw(format!("{at} of {} bytes of {} arrived", layer.size, layer.digest))
        .saw(why)
        .remedy("run the same command again; it goes on where this one ended")
}

fn corrupt(layer: &LayerOrder) -> Problem {
    Problem::new(Class::Machine, format!("corrupt layer {}", layer.digest.short()))
        .remedy("run the same command again; the layer is sent anew")
        .remedy("if it is corrupt again, take or build the image again where you run sealift")
}

/// Digests what is read through it.
struct Digesting<R> {
    inner: R,
    digest: DigestWriter<io::Sink>,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.write_all(&buffer[..count])?;
        Ok(count)
    }
}
