//! A layer's stream on its way from the wire to the unpacker: kept, digested and decompressed in a thread.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::sync::mpsc::{Receiver, SyncSender};

use flate2::read::MultiGzDecoder;

use crate::distribute::partial::Partial;
use crate::model::Compression;
use crate::model::{Digest, DigestWriter};

/// How many bytes go through the channel at once, and are read from the wire at once.
const CHUNK: usize = 256 * 1024;

/// How many chunks may wait for the unpacker; with more, one end would only run further ahead.
pub(super) const CHUNKS_WAITING: usize = 16;

/// How a stream's journey ended.
#[derive(Debug)]
pub(super) enum Arrival {
    /// All bytes came and could be decompressed; their digest is for the caller to judge.
    Whole(Digest),
    /// The stream ended or failed before its size was reached.
    Cut { at: u64, why: String },
    /// The bytes that came are not what they should be.
    Undecodable(String),
    /// What is kept from an earlier attempt cannot be read.
    Unreadable(String),
    /// The unpacker stopped listening.
    Unwanted,
}

/// The compressed bytes: those kept from an earlier attempt, then those that come.
pub(super) struct Stream<R> {
    kept: Option<io::Take<File>>,
    input: R,
    partial: Option<Partial>,
    digest: DigestWriter<io::Sink>,
    left: u64,
    size: u64,
    cut: Option<String>,
    unreadable: Option<String>,
}

impl<R: Read> Stream<R> {
    /// Makes a stream of `size` bytes in all: first `kept`, then from `input`, which is never read beyond them.
    pub(super) fn new(kept: Option<io::Take<File>>, input: R, partial: Option<Partial>, size: u64) -> Self {
        let digest = DigestWriter::new(io::sink());
        Self { kept, input, partial, digest, left: size, size, cut: None, unreadable: None }
    }

    fn read_kept(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(kept) = &mut self.kept else { return Ok(0) };
        let count = kept.read(buffer).inspect_err(|error| self.unreadable = Some(error.to_string()))?;
        if count == 0 {
            self.kept = None;
        }
        Ok(count)
    }

    fn read_input(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(0) => {
                self.cut = Some("the stream ended".into());
                Ok(0)
            }
            Ok(count) => {
                self.keep(&buffer[..count]);
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.cut = Some(error.to_string());
                }
                Err(error)
            }
        }
    }

    /// Being able to go on later is a convenience: where it cannot be had, the layer itself may still arrive.
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(partial) = &mut self.partial
            && let Err(error) = partial.keep(bytes)
        {
            tracing::warn!(%error, "what arrives of a layer cannot be kept for another attempt");
            self.partial = None;
        }
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        let count = match self.read_kept(buffer)? {
            0 => self.read_input(buffer)?,
            count => count,
        };
        self.digest.write_all(&buffer[..count])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Decompresses all of `stream` into `chunks`, and says how it ended.
pub(super) fn decompress<R: Read>(
    mut stream: Stream<R>,
    compression: Compression,
    chunks: &SyncSender<Vec<u8>>,
) -> Arrival {
    let outcome = match compression {
        Compression::None => pump(&mut stream, chunks),
        Compression::Gzip => {
            pump(&mut MultiGzDecoder::new(BufReader::with_capacity(CHUNK, &mut stream)), chunks)
        }
        Compression::Zstd => zstd::Decoder::with_buffer(BufReader::with_capacity(CHUNK, &mut stream))
            .map_err(Interruption::Read)
            .and_then(|mut decoder| pump(&mut decoder, chunks)),
    };
    if matches!(outcome, Err(Interruption::Unwanted)) {
        return Arrival::Unwanted;
    }
    if let Some(why) = stream.unreadable {
        return Arrival::Unreadable(why);
    }
    if let Some(why) = stream.cut {
        return Arrival::Cut { at: stream.size - stream.left, why };
    }
    match outcome {
        Err(Interruption::Read(error)) => Arrival::Undecodable(error.to_string()),
        _ if stream.left > 0 => Arrival::Undecodable("there are bytes after its end".into()),
        _ => Arrival::Whole(stream.digest.finish().1),
    }
}

enum Interruption {
    Read(io::Error),
    Unwanted,
}

fn pump(from: &mut impl Read, chunks: &SyncSender<Vec<u8>>) -> Result<(), Interruption> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let count = from.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
        // What came before an error is good, and the unpacker may use the time.
        if !chunk.is_empty() {
            chunks.send(chunk).map_err(|_| Interruption::Unwanted)?;
        }
        if count.map_err(Interruption::Read)? == 0 {
            return Ok(());
        }
    }
}

/// The unpacker's end of the channel, read as one stream; it ends when the other end is gone.
pub(super) struct Chunks {
    receiver: Receiver<Vec<u8>>,
    current: io::Cursor<Vec<u8>>,
}

impl Chunks {
    pub(super) fn new(receiver: Receiver<Vec<u8>>) -> Self {
        Self { receiver, current: io::Cursor::default() }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.receiver.recv() {
                Ok(chunk) => self.current = io::Cursor::new(chunk),
                Err(_) => return Ok(0),
            }
        }
    }
}
