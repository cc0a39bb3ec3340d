//! A running program's ends, the same for one behind SSH and one on this machine.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// How much of a program's standard error is kept, in bytes.
const TAIL: usize = 4096;

/// How many pieces of output wait for a slow reader before the program is held back.
pub(super) const PIECES: usize = 64;

/// What comes out of a running program.
#[derive(Debug)]
pub(super) enum Output {
    /// A piece of its standard output.
    Stdout(Bytes),
    /// A piece of its standard error.
    Stderr(Bytes),
    /// Its end; nothing follows.
    Ended(Ending),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// It exited with this status.
    Exited(u32),
    /// It was ended by this signal, named without `SIG`.
    Killed(String),
    /// The connection to it was lost, and why if that is known.
    Lost(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "it exited with status {status}"),
            Self::Killed(signal) => write!(f, "it was killed by SIG{signal}"),
            Self::Lost(why) if why.is_empty() => f.write_str("the connection was lost"),
            Self::Lost(why) => write!(f, "the connection was lost: {why}"),
        }
    }
}

/// A running program.
pub(super) struct Process {
    /// What it says, in the order it came; closed after [`Output::Ended`].
    pub(super) output: mpsc::Receiver<Output>,
    /// Its standard input.
    pub(super) input: Box<dyn AsyncWrite + Send + Unpin>,
}

/// The last words of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<u8>);

impl Tail {
    /// Adds a piece and forgets what is too long ago.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.0.extend(piece);
        self.0.drain(..self.0.len().saturating_sub(TAIL));
    }

    /// Returns the lines that are not blank, without control characters that could rewrite a terminal.
    pub(super) fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        readable_lines(&bytes)
    }
}

/// Returns the lines of `bytes` that are not blank, fit to be shown on a terminal.
pub(super) fn readable_lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .split(['\n', '\r'])
        .map(|line| line.chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>())
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// The standard output of a program as a stream, whose end tells a failure with the last words on standard error.
pub(super) struct ProcessReader {
    output: mpsc::Receiver<Output>,
    ready: Bytes,
    stderr: Tail,
    ended: bool,
}

impl ProcessReader {
    /// Reads `ready` first, then what else the program says.
    pub(super) fn new(output: mpsc::Receiver<Output>, ready: Bytes) -> Self {
        Self { output, ready, stderr: Tail::default(), ended: false }
    }

    fn end(&mut self, ending: &Ending) -> io::Result<()> {
        self.ended = true;
        if *ending == Ending::Exited(0) {
            return Ok(());
        }
        let kind = match ending {
            Ending::Lost(_) => io::ErrorKind::ConnectionAborted,
            Ending::Exited(_) | Ending::Killed(_) => io::ErrorKind::UnexpectedEof,
        };
        let said = self.stderr.lines().join("; ");
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Err(io::Error::new(kind, format!("the agent ended: {ending}{said}")))
    }
}

impl AsyncRead for ProcessReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                let count = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready[..count]);
                this.ready.advance(count);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            match std::task::ready!(this.output.poll_recv(context)) {
                Some(Output::Stdout(piece)) => this.ready = piece,
                Some(Output::Stderr(piece)) => this.stderr.push(&piece),
                Some(Output::Ended(ending)) => return Poll::Ready(this.end(&ending)),
                None => return Poll::Ready(this.end(&Ending::Lost(String::new()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(output: Vec<Output>) -> (Vec<u8>, Option<String>) {
        let (sender, receiver) = mpsc::channel(PIECES);
        for piece in output {
            sender.send(piece).await.unwrap();
        }
        drop(sender);
        let mut bytes = Vec::new();
        let mut reader = ProcessReader::new(receiver, Bytes::from_static(b"first "));
        let error = reader.read_to_end(&mut bytes).await.err();
        (bytes, error.map(|error| error.to_string()))
    }

    #[tokio::test]
    async fn a_good_end_is_an_end() {
        let (bytes, error) =
            read(vec![Output::Stdout(Bytes::from_static(b"second")), Output::Ended(Ending::Exited(0))]).await;
        assert_eq!((bytes.as_slice(), error), (&b"first second"[..], None));
    }

    #[tokio::test]
    async fn a_bad_end_quotes_the_last_words() {
        let words = Output::Stderr(Bytes::from_static(b"\x1b[31mpanicked\x1b[0m\r\nat 3\n"));
        let (_, error) = read(vec![words, Output::Ended(Ending::Exited(101))]).await;
        assert_eq!(error.unwrap(), "the agent ended: it exited with status 101: [31mpanicked[0m; at 3");
    }

    #[tokio::test]
    async fn an_end_without_a_word_is_a_lost_connection() {
        let (_, error) = read(vec![]).await;
        assert_eq!(error.unwrap(), "the agent ended: the connection was lost");
    }

    #[test]
    fn a_tail_forgets_the_beginning() {
        let mut tail = Tail::default();
        tail.push(b"begin\n");
        tail.push(&[b'x'; TAIL]);
        tail.push(b"\nend");
        assert_eq!(tail.lines().last().unwrap(), "end");
        assert!(!tail.lines().iter().any(|line| line.contains("begin")));
    }
}
